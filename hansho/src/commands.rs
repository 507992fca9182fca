//! The commands, one module each, and how they end.

pub mod check;
pub mod demo;
pub mod fmt;
pub mod on_call;
pub mod recorded;
pub mod replay;
pub mod run;
pub mod test;

use std::fmt::Display;

/// Outcome of a command, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandExit {
    /// Nothing to complain about.
    Fine,
    /// The rules have errors, fail their tests or are not in the layout.
    Findings,
    /// The command line or configuration asks for something that makes no sense.
    Usage,
    /// Something could not be reached or read.
    Unreachable,
}

impl CommandExit {
    /// The process's exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            CommandExit::Fine => 0,
            CommandExit::Findings => 1,
            CommandExit::Usage => 2,
            CommandExit::Unreachable => 3,
        }
    }

    /// Says what went wrong on standard error and ends that way.
    pub(crate) fn because(self, what: impl Display) -> CommandExit {
        eprintln!("hansho: {what}");
        self
    }
}

impl From<crate::rule_files::RulesError> for CommandExit {
    fn from(error: crate::rule_files::RulesError) -> CommandExit {
        if error.is_finding() {
            // Diagnostics name their own place: no prefix.
            eprintln!("{error}");
            CommandExit::Findings
        } else {
            CommandExit::Unreachable.because(error)
        }
    }
}
