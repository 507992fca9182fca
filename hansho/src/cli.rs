//! The command line: what people type, and the help they read.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::message::Language;

/// 半鐘 hansho: a streaming alert rules engine.
///
/// Events come in from Kafka or files, rules such as `認証失敗 10回/分` are judged over
/// sliding windows of event time, and alerts with a severity reach the people on call.
#[derive(Debug, Parser)]
#[command(name = "hansho", version, propagate_version = true, after_long_help = EXAMPLES)]
pub struct Cli {
    /// Language of messages and diagnostics; the default follows LC_ALL, LC_MESSAGES, LANG
    #[arg(long, global = true, value_enum)]
    lang: Option<LanguageWord>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  hansho demo                                    see alerts fire, nothing installed
  hansho check rules/                            what each rule means, and what is wrong
  hansho check rules/ --against auth=yesterday.jsonl.gz
                                                 and what real events say of them
  hansho test rules/                             play the rules' own tests
  hansho fmt rules/                              lay them out the one way
  hansho replay --rules rules/ --input auth=yesterday.jsonl.gz
                                                 what would have fired
  hansho run --config hansho.toml                the service
  hansho incident list                           what is open there, what is due first at the top
  hansho incident ack 4c1f                       take one on

Exit codes: 0 fine, 1 findings (rule errors, failing tests, another layout),
  2 usage, 3 cannot reach or read something.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch rules fire on live traffic with an attack in it; needs nothing installed
    Demo(DemoArgs),
    /// Run the service: Kafka in, alerts out, health and metrics over HTTP
    Run(RunArgs),
    /// Check rules: errors, warnings, and what every alert means in words
    Check(CheckArgs),
    /// Play the rules' own tests in virtual time and show where they disagree
    Test(TestArgs),
    /// Lay rule files out the one way: white space only, comments stay
    Fmt(FmtArgs),
    /// See and handle incidents of a running service
    Incident(OnCallArgs<IncidentCommand>),
    /// Keep notifications back for a while
    Silence(OnCallArgs<SilenceCommand>),
    /// See what is pending or was given up, and try it again
    Notify(OnCallArgs<NotifyCommand>),
    /// Ask who would be told
    Route(OnCallArgs<RouteCommand>),
    /// How on-call stands: incidents, receivers, silences
    Status(ServerArgs),
    /// Judge recorded events and print every settled transition as a JSON line
    Replay(ReplayArgs),
}

/// `hansho demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop after this long (20s, 2m); without it, at Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Rules to run instead of the shipped ones
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
}

/// `hansho run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration file; hansho.example.toml explains every setting
    #[arg(long, value_name = "FILE", default_value = "hansho.toml")]
    pub config: PathBuf,
}

/// `hansho check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files, or folders with .rules files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How findings and readings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Hold the rules against recorded events too: STREAM=FILE, as `replay` takes them
    #[arg(long, value_name = "[STREAM=]FILE")]
    pub against: Vec<String>,
    /// Year of dates in them that carry none, such as syslog's
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i64).range(1..=9999))]
    pub year: Option<i64>,
}

/// `hansho test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Rule files, or folders with .rules files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also write a JUnit report, for CI systems
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Zone in which messages show times
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
}

/// `hansho fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Rule files, or folders with .rules files; `-` reads standard input and prints
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing: name the files that are laid out otherwise and exit with 1
    #[arg(long)]
    pub check: bool,
}

/// `hansho replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Rule files, or folders with .rules files
    #[arg(long, required = true, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// A partition of a stream: STREAM=FILE, or FILE where the rules have one stream.
    ///
    /// `-` is standard input; .gz and .zst are decompressed; the flag repeats, also for the
    /// same stream. A line is one record.
    #[arg(long, required = true, value_name = "[STREAM=]FILE")]
    pub input: Vec<String>,
    /// Threads that judge; the output is the same for any number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// After the end of input go on until every running timer has run
    #[arg(long)]
    pub drain: bool,
    /// Year of dates that carry none, such as syslog's
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i64).range(1..=9999))]
    pub year: Option<i64>,
    /// Zone in which messages show times
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
    /// How the summary on standard error is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub summary: Format,
}

/// Where the running service is, and who asks.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The service's address
    #[arg(long, global = true, env = "HANSHO_SERVER", default_value = "http://127.0.0.1:9464")]
    pub server: String,
    /// Who you are, where the service has no tokens
    #[arg(long, global = true, env = "USER", hide_env_values = true)]
    pub by: Option<String>,
    /// A file with the token to show; HANSHO_TOKEN holds the token itself
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, short = 'o', global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

/// A command for a running service.
#[derive(Debug, Args)]
pub struct OnCallArgs<C: Subcommand> {
    /// What to do
    #[command(subcommand)]
    pub command: C,
    /// Where and by whom
    #[command(flatten)]
    pub server: ServerArgs,
}

/// `hansho incident`.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Those that are not closed, what is due first at the top
    List {
        /// firing, acknowledged, resolved, closed; several with commas
        #[arg(long)]
        state: Option<String>,
    },
    /// Everything about one: times, who was told, what was done
    Show {
        /// Its id, or the first digits of it
        id: String,
    },
    /// Take it on: nobody else is woken
    Ack {
        /// Its id, or the first digits of it
        id: String,
    },
    /// Say who works on it
    Assign {
        /// Its id, or the first digits of it
        id: String,
        /// Who
        name: String,
    },
    /// Write something down
    Note {
        /// Its id, or the first digits of it
        id: String,
        /// What
        text: String,
    },
    /// Tell the next in line now
    Escalate {
        /// Its id, or the first digits of it
        id: String,
    },
    /// The harm is over for now (一次対応)
    Mitigate(Words),
    /// The cause is known (原因究明)
    Cause(Words),
    /// It is mended for good (恒久対策)
    Fix(Words),
    /// It is over, whatever the alert says
    Resolve(Words),
    /// Nothing is left to do
    Close(Words),
}

/// An incident and what is said of it.
#[derive(Debug, Args)]
pub struct Words {
    /// Its id, or the first digits of it
    pub id: String,
    /// What to write down
    #[arg(default_value = "")]
    pub text: String,
}

/// `hansho silence`.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Keep notifications back; who was told before hears of the end all the same
    Add {
        /// NAME=VALUE, NAME!=VALUE or NAME=~PATTERN; all must hold
        #[arg(long = "match", value_name = "MATCHER", required = true)]
        matchers: Vec<String>,
        /// For how long
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
        duration: std::time::Duration,
        /// Why
        #[arg(long)]
        reason: String,
        /// Only from these receivers
        #[arg(long = "receiver", value_name = "NAME")]
        receivers: Vec<String>,
        /// End it as soon as nothing it matches is open
        #[arg(long)]
        until_resolved: bool,
        /// Only show what it would hit
        #[arg(long)]
        dry_run: bool,
    },
    /// All of them
    List,
    /// What a silence would hit, now and in the last seven days
    Preview {
        /// NAME=VALUE, NAME!=VALUE or NAME=~PATTERN; all must hold
        #[arg(long = "match", value_name = "MATCHER", required = true)]
        matchers: Vec<String>,
    },
    /// End one now
    Expire {
        /// Its number
        id: u64,
    },
}

/// `hansho notify`.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// What is pending, and what was given up
    List,
    /// Send a sink a test now, a beginning and an end, and say what it answers
    Test {
        /// The sink's name
        receiver: String,
        /// How serious the test says it is
        #[arg(long, default_value = "low")]
        severity: String,
    },
    /// What a sink would be sent of an incident as it stands, secrets left out
    Preview {
        /// The incident's id, or its first digits
        incident: String,
        /// The sink's name
        #[arg(long = "to", value_name = "SINK")]
        receiver: String,
    },
    /// Try something again that was given up
    Retry {
        /// Its number
        number: u64,
    },
    /// Forget something that was given up
    Drop {
        /// Its number
        number: u64,
    },
}

/// `hansho route`.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Who would be told of an alert now
    Test {
        /// The alert's name
        #[arg(long, default_value = "")]
        alert: String,
        /// Its severity
        #[arg(long)]
        severity: String,
        /// Labels and components of the key: NAME=VALUE
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,
        /// When, such as 2026-01-31T09:00:00+09:00; now unless given
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
}

/// Text for people or JSON for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For tools
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageWord {
    /// English
    En,
    /// 日本語
    Ja,
}

impl Cli {
    /// The language asked for, or that of the locale.
    pub(crate) fn language(&self) -> Language {
        match self.lang {
            Some(LanguageWord::En) => Language::En,
            Some(LanguageWord::Ja) => Language::Ja,
            None => locale_language(|name| std::env::var(name).ok()),
        }
    }
}

/// The first locale variable that is set and not empty decides, as POSIX has it.
fn locale_language(variable: impl Fn(&str) -> Option<String>) -> Language {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let locale = names.into_iter().filter_map(variable).find(|value| !value.is_empty());
    match locale {
        Some(locale) if locale.starts_with("ja") => Language::Ja,
        _ => Language::En,
    }
}

/// Reads `20s`, `2m`, `500ms`, `1h`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("`{unit}` is no unit of time: write 20s, 2m or 1h")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no duration: write 20s"))?;
    number
        .checked_mul(scale)
        .map(std::time::Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_locale_decides_the_language() {
        let given = |pairs: &'static [(&str, &str)]| {
            locale_language(move |name| {
                pairs.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(given(&[("LANG", "ja_JP.UTF-8")]), Language::Ja);
        assert_eq!(given(&[("LC_ALL", ""), ("LANG", "ja_JP.UTF-8")]), Language::Ja);
        assert_eq!(given(&[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")]), Language::En);
        assert_eq!(given(&[]), Language::En);
    }

    #[test]
    fn durations_carry_a_unit() {
        let millis = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(millis("20s"), Ok(20_000));
        assert_eq!(millis("2m"), Ok(120_000));
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("7"), Ok(7_000));
        for bad in ["", "s", "3 fortnights", "99999999999999999999s", "-1s"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }
}
