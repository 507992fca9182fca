//! hansho (半鐘): a streaming alert rules engine. The binary where all rooms meet.

mod cli;
mod commands;
mod config;
mod console;
mod notifiers;
mod on_call_config;
mod reload;
mod rule_files;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use cli::{CliArgs, CliCommand};
use commands::CommandExit;

fn main() -> ExitCode {
    let cli = CliArgs::parse();
    let language = cli.language();
    let ended = match &cli.command {
        CliCommand::Demo(args) => commands::demo::demo(args, language),
        CliCommand::Run(args) => commands::run::run(args, language),
        CliCommand::Check(args) => commands::check::check(args, language),
        CliCommand::Fmt(args) => commands::fmt::fmt(args, language),
        CliCommand::Test(args) => commands::test::test(args, language),
        CliCommand::Replay(args) => commands::replay::replay(args, language),
        CliCommand::Incident(args) => commands::on_call::incident(args, language),
        CliCommand::Silence(args) => commands::on_call::silence(args, language),
        CliCommand::Notifications(args) => commands::on_call::notifications(args, language),
        CliCommand::Notify(_) => {
            Err(commands::on_call::renamed("notify", "notifications", language))
        }
        CliCommand::Route(args) => commands::on_call::route(args, language),
        CliCommand::Status(server) => commands::on_call::status(server, language),
    };
    ExitCode::from(ended.err().unwrap_or(CommandExit::Fine).code())
}
