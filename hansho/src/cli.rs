//! The command line and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model::message::Language;

/// 半鐘 hansho: a streaming alert rules engine.
///
/// It reads events from Kafka, files or HTTP, evaluates rules such as `認証失敗 10回/分` over
/// sliding windows of event time, and notifies the people on call of alerts by severity.
#[derive(Debug, Parser)]
#[command(name = "hansho", version, propagate_version = true, after_long_help = EXAMPLES)]
pub struct CliArgs {
    /// Language of messages and diagnostics; the default follows LC_ALL, LC_MESSAGES, LANG
    #[arg(long, global = true, value_enum)]
    lang: Option<LanguageWord>,
    /// Command
    #[command(subcommand)]
    pub command: CliCommand,
}

const EXAMPLES: &str = "Examples:
  hansho demo                                    show alerts on generated traffic
  hansho check rules/                            check rules and explain each alert
  hansho check rules/ --against auth=yesterday.jsonl.gz
                                                 and compare them with recorded events
  hansho test rules/                             run the tests of the rules
  hansho fmt rules/                              format rule files
  hansho replay --rules rules/ --input auth=yesterday.jsonl.gz
                                                 show what would have fired
  hansho run --config hansho.toml                run the service
  hansho incident list                           list incidents, the earliest deadline first
  hansho incident ack 4c1f                       acknowledge an incident

Exit codes: 0 success, 1 findings (rule errors, failing tests, unformatted files),
  2 usage, 3 connection, read or write failed.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Show alerts on generated traffic with an attack in it; requires no other software
    Demo(DemoArgs),
    /// Run the service: evaluate streams, send notifications, serve health, metrics and the API
    Run(RunArgs),
    /// Check rules: print errors, warnings and an explanation of every alert
    Check(CheckArgs),
    /// Run the tests of the rules in virtual time and print the differences
    Test(TestArgs),
    /// Format rule files: change white space only
    Fmt(FmtArgs),
    /// List and handle incidents of a running service
    Incident(OnCallArgs<IncidentCommand>),
    /// Silence notifications for a time
    Silence(OnCallArgs<SilenceCommand>),
    /// List pending and dropped notifications, retry or test them
    Notifications(OnCallArgs<NotificationsCommand>),
    /// Former name of `notifications`
    #[command(hide = true, disable_help_flag = true)]
    Notify(RenamedArgs),
    /// Show the receivers that a route selects
    Route(OnCallArgs<RouteCommand>),
    /// Show counts of incidents, receivers and silences
    Status(ServerArgs),
    /// Evaluate recorded events and print every settled transition as a JSON line
    Replay(ReplayArgs),
}

/// `hansho demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop after this time (20s, 2m); default: at Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Rules instead of the shipped ones
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
}

/// `hansho run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file; hansho.example.toml explains every setting
    #[arg(long, value_name = "FILE", default_value = "hansho.toml")]
    pub config: PathBuf,
}

/// `hansho check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files, or folders with .rules files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
    /// Compare the rules with recorded events: STREAM=FILE, as for `replay`
    #[arg(long, value_name = "[STREAM=]FILE")]
    pub against: Vec<String>,
    /// Year of dates in them without a year, such as those of syslog
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i64).range(1..=9999))]
    pub year: Option<i64>,
}

/// `hansho test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Rule files, or folders with .rules files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also write a JUnit report for CI systems
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Time zone of times in messages
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
}

/// `hansho fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Rule files, or folders with .rules files; `-` filters standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing: list the files that are not formatted and exit with 1
    #[arg(long)]
    pub check: bool,
}

/// `hansho replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Rule files, or folders with .rules files
    #[arg(long, required = true, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Partition of a stream: STREAM=FILE, or FILE if the rules have one stream.
    ///
    /// `-` is standard input; .gz and .zst are decompressed. Repeat the flag for further
    /// partitions and streams. A line is one record.
    #[arg(long, required = true, value_name = "[STREAM=]FILE")]
    pub input: Vec<String>,
    /// Threads that evaluate rules; the output is the same for any number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// After the end of the input, advance time until every timer has expired
    #[arg(long)]
    pub drain: bool,
    /// Year of dates without a year, such as those of syslog
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i64).range(1..=9999))]
    pub year: Option<i64>,
    /// Time zone of times in messages
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
    /// Format of the summary on standard error
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub summary: OutputFormat,
}

/// Address of the running service and identity of the client.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Address of the service
    #[arg(long, global = true, env = "HANSHO_SERVER", default_value = "http://127.0.0.1:9464")]
    pub server: String,
    /// Your name, if the service has no tokens
    #[arg(long, global = true, env = "USER", hide_env_values = true)]
    pub by: Option<String>,
    /// File that contains the API token; HANSHO_TOKEN contains the token itself
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Output format
    #[arg(long, short = 'o', global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// A command for a running service.
#[derive(Debug, Args)]
pub struct OnCallArgs<C: Subcommand> {
    /// Command
    #[command(subcommand)]
    pub command: C,
    /// Address and identity
    #[command(flatten)]
    pub server: ServerArgs,
}

/// `hansho incident`.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// List incidents that are not closed, the earliest deadline first
    List {
        /// firing, acknowledged, resolved, closed; several with commas
        #[arg(long)]
        state: Option<String>,
    },
    /// Show an incident: times, notifications, actions
    Show {
        /// Id of the incident, or its first digits
        id: String,
    },
    /// Acknowledge: stop the escalation
    Ack {
        /// Id of the incident, or its first digits
        id: String,
    },
    /// Assign a person
    Assign {
        /// Id of the incident, or its first digits
        id: String,
        /// Name of the person
        name: String,
    },
    /// Add a note
    Note {
        /// Id of the incident, or its first digits
        id: String,
        /// Text of the note
        text: String,
    },
    /// Notify the receivers of the next step now
    Escalate {
        /// Id of the incident, or its first digits
        id: String,
    },
    /// Record that the impact is mitigated (一次対応)
    Mitigate(IncidentNoteArgs),
    /// Record the cause (原因究明)
    Cause(IncidentNoteArgs),
    /// Record the permanent fix (恒久対策)
    Fix(IncidentNoteArgs),
    /// Resolve the incident, even while its alert is firing
    Resolve(IncidentNoteArgs),
    /// Close the incident
    Close(IncidentNoteArgs),
}

/// An incident and a note.
#[derive(Debug, Args)]
pub struct IncidentNoteArgs {
    /// Id of the incident, or its first digits
    pub id: String,
    /// Text of the note
    #[arg(default_value = "")]
    pub text: String,
}

/// `hansho silence`.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Add a silence; receivers that got the firing still get the end
    Add {
        /// NAME=VALUE, NAME!=VALUE or NAME=~PATTERN; all must hold
        #[arg(long = "match", value_name = "MATCHER", required = true)]
        matchers: Vec<String>,
        /// Duration of the silence
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
        duration: std::time::Duration,
        /// Reason
        #[arg(long)]
        reason: String,
        /// Receivers that the silence applies to; default: all
        #[arg(long = "receiver", value_name = "NAME")]
        receivers: Vec<String>,
        /// End the silence when no matching incident is open
        #[arg(long)]
        until_resolved: bool,
        /// Only show the incidents that would match
        #[arg(long)]
        dry_run: bool,
    },
    /// List silences
    List,
    /// Show the incidents that would match, now and in the last seven days
    Preview {
        /// NAME=VALUE, NAME!=VALUE or NAME=~PATTERN; all must hold
        #[arg(long = "match", value_name = "MATCHER", required = true)]
        matchers: Vec<String>,
    },
    /// End a silence now
    Expire {
        /// Number from the list
        id: u64,
    },
}

/// `hansho notifications`.
#[derive(Debug, Subcommand)]
pub enum NotificationsCommand {
    /// List pending and dropped notifications
    List,
    /// Send a test firing and resolution to a sink and print its answer
    Test {
        /// Name of the sink
        receiver: String,
        /// Severity of the test
        #[arg(long, default_value = "low")]
        severity: String,
    },
    /// Print what a sink would get for an incident, without secrets
    Preview {
        /// Id of the incident, or its first digits
        incident: String,
        /// Name of the sink
        #[arg(long = "to", value_name = "SINK")]
        receiver: String,
    },
    /// Retry a dropped notification
    Retry {
        /// Number from the list
        number: u64,
    },
    /// Delete a dropped notification from the list
    Drop {
        /// Number from the list
        number: u64,
    },
}

/// Arguments of a command that has another name now.
#[derive(Debug, Args)]
pub struct RenamedArgs {
    /// Arguments, not read
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// `hansho route`.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Show the receivers of an alert
    Test {
        /// Name of the alert
        #[arg(long, default_value = "")]
        alert: String,
        /// Severity of the alert
        #[arg(long)]
        severity: String,
        /// Label or component of the key
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,
        /// Instant, such as 2026-01-31T09:00:00+09:00; default: now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
}

/// Output format: text or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text
    Text,
    /// JSON
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageWord {
    /// English
    En,
    /// 日本語
    Ja,
}

impl CliArgs {
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
        CliArgs::command().debug_assert();
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
