//! Spaces between two pieces on a line, and ends of lines.

use super::pieces::{FormatPiece, FormatPieces};
use crate::parse::keyword::{CLAUSES, OPTIONS};

/// Words that a parenthesis follows at a distance; after any other name it is a call.
const BEFORE_PARENTHESIS: [&str; 10] =
    ["and", "or", "not", "in", "cidr", "where", "then", "any", "absent", "new"];
/// Words that join parts of a condition or a trigger.
const JOINING: [&str; 5] = ["where", "and", "or", "then", "vs"];
/// Words that follow the braces of a `given`.
const MOMENTS: [&str; 3] = ["at", "every", "arriving"];
/// Words whose argument may be spelled like a clause: `nodata clear`, `during keep`.
const TAKING_A_WORD: [&str; 3] = ["nodata", "during", "not"];

/// Space before a piece that does not start its line.
pub(super) fn gap(pieces: &FormatPieces<'_>, at: usize) -> &'static str {
    let (piece, Some(before)) = (pieces.get(at), pieces.before(at)) else {
        return "";
    };
    let leans_back = [")", "]", ",", ":", "?", ".."].iter().any(|mark| piece.is(mark));
    let holds_on = ["(", "[", ".."].iter().any(|mark| before.is(mark));
    if leans_back || holds_on || (piece.is("(") && calls(pieces, at)) {
        return "";
    }
    // `10回/分`, `-1`, `mon-fri`, `Asia/Tokyo`: as the author has it, for it may matter.
    let joins =
        |piece: &FormatPiece<'_>| ["/", "-", "+", ".", "~"].iter().any(|mark| piece.is(mark));
    let is_run_on = |piece: &FormatPiece<'_>| !piece.is_symbol() && !piece.is_text();
    let may_touch = joins(piece) || joins(before) || (is_run_on(piece) && is_run_on(before));
    if piece.touches && may_touch { "" } else { " " }
}

/// True when a parenthesis opens the arguments of the name before it.
fn calls(pieces: &FormatPieces<'_>, at: usize) -> bool {
    let Some(name) = pieces.before(at) else { return false };
    let declares = at >= 2 && pieces.begins_statement(at - 2);
    !name.is_symbol() && !declares && !BEFORE_PARENTHESIS.contains(&name.word())
}

/// True when a line may break before a piece: at a clause, a part of a condition, an item.
pub(super) fn begins_clause(pieces: &FormatPieces<'_>, at: usize, statement: &str) -> bool {
    let (piece, Some(before)) = (pieces.get(at), pieces.before(at)) else {
        return false;
    };
    if before.is_symbol() && before.text == "," {
        return true;
    }
    let is_taken = before.is_word() && TAKING_A_WORD.contains(&before.text);
    let is_called =
        at + 1 < pieces.len() && pieces.get(at + 1).text == "(" && calls(pieces, at + 1);
    let declares = pieces.begins_statement(at - 1);
    if !piece.is_word() || is_taken || is_called || declares {
        return false;
    }
    match statement {
        "stream" => OPTIONS.contains(&piece.word()),
        "test" => MOMENTS.contains(&piece.word()),
        _ => {
            JOINING.contains(&piece.word())
                || CLAUSES.contains(&piece.word())
                || piece.is_severity()
        }
    }
}
