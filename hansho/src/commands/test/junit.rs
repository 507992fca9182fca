//! The report that CI systems read.

use std::io;
use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::verdict::TestVerdict;

/// Writes one test case for each test, all in one suite.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(path: &Path, verdicts: &[TestVerdict<'_>]) -> io::Result<()> {
    let mut suite = TestSuite::new("rules");
    for verdict in verdicts {
        let status = if verdict.differences.is_empty() {
            TestCaseStatus::success()
        } else {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failed.set_message("what was told is not what was expected");
            failed.set_description(verdict.differences.clone());
            failed
        };
        let mut case = TestCase::new(verdict.test.alert.clone(), status);
        case.set_classname(verdict.place.clone());
        suite.add_test_case(case);
    }
    let mut report = Report::new("hansho test");
    report.add_test_suite(suite);
    let text = report.to_string().map_err(io::Error::other)?;
    std::fs::write(path, text)
}
