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

/// How a command ended, as the exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing to complain about.
    Fine,
    /// The rules have errors, fail their tests or are not in the layout.
    Findings,
    /// The command line or configuration asks for something that makes no sense.
    Usage,
    /// Something could not be reached or read.
    Unreachable,
}

impl Exit {
    /// The process's exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
        }
    }

    /// Says what went wrong on standard error and ends that way.
    pub(crate) fn because(self, what: impl Display) -> Exit {
        eprintln!("hansho: {what}");
        self
    }
}

impl From<crate::rule_files::RulesError> for Exit {
    fn from(error: crate::rule_files::RulesError) -> Exit {
        if error.is_finding() {
            // Diagnostics name their own place: no prefix.
            eprintln!("{error}");
            Exit::Findings
        } else {
            Exit::Unreachable.because(error)
        }
    }
}
