//! hansho (半鐘): a streaming alert rules engine. The binary where all rooms meet.

mod cli;
mod commands;
mod config;
mod console;
mod deliveries;
mod on_call_config;
mod reload;
mod rule_files;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use commands::Exit;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let language = cli.language();
    let ended = match &cli.command {
        Command::Demo(args) => commands::demo::demo(args, language),
        Command::Run(args) => commands::run::run(args, language),
        Command::Check(args) => commands::check::check(args, language),
        Command::Fmt(args) => commands::fmt::fmt(args, language),
        Command::Test(args) => commands::test::test(args, language),
        Command::Replay(args) => commands::replay::replay(args, language),
        Command::Incident(args) => commands::on_call::incident(args, language),
        Command::Silence(args) => commands::on_call::silence(args, language),
        Command::Notifications(args) => commands::on_call::notifications(args, language),
        Command::Notify(_) => Err(commands::on_call::renamed("notify", "notifications", language)),
        Command::Route(args) => commands::on_call::route(args, language),
        Command::Status(server) => commands::on_call::status(server, language),
    };
    ExitCode::from(ended.err().unwrap_or(Exit::Fine).code())
}
