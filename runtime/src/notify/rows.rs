//! The bytes of rows: a tag and a number for the key, JSON for what is kept under it.

use connectors::store::RowChange;
use model::transition::EpisodeId;
use oncall::engine::{OnCallRow, RowKey, RowUpdate};

/// The version of what is written; another one is refused, not guessed at.
const VERSION: u8 = 1;

/// A change as the store takes it.
pub fn write(change: &RowUpdate) -> RowChange {
    let row = change.row.as_ref().map(|row| {
        let mut bytes = vec![VERSION];
        // Structs of texts and numbers always serialize, and a vector takes everything.
        let _ = serde_json::to_writer(&mut bytes, row);
        bytes
    });
    (key(change.key), row)
}

/// Reads a row of the store.
///
/// # Errors
/// What is wrong with it, and under which key.
pub fn read(key: &[u8], row: &[u8]) -> Result<OnCallRow, String> {
    let failed = |why: String| format!("the row {} of the on-call store: {why}", hex(key));
    match row.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| failed(error.to_string()))
        }
        Some((version, _)) => Err(failed(format!(
            "is of version {version}, and this program reads {VERSION}; use the newer program"
        ))),
        None => Err(failed("is empty".to_owned())),
    }
}

/// Keys sort as [`RowKey`] does.
fn key(key: RowKey) -> Vec<u8> {
    let (tag, number) = match key {
        RowKey::Position => (b'a', 0),
        RowKey::Case(EpisodeId(id)) => (b'b', id),
        RowKey::Outgoing(number) => (b'c', u128::from(number)),
        RowKey::Dead(number) => (b'd', u128::from(number)),
        RowKey::Silence(number) => (b'e', u128::from(number)),
        RowKey::Audit(number) => (b'f', u128::from(number)),
        RowKey::Digest(number) => (b'g', u128::from(number)),
        RowKey::Fallbacks => (b'h', 0),
        RowKey::Flapping(number) => (b'i', u128::from(number)),
    };
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_another_version_is_refused() {
        let change = RowUpdate { key: RowKey::Position, row: Some(OnCallRow::Position(7)) };
        let (at, row) = write(&change);
        let row = row.unwrap();
        assert_eq!(read(&at, &row), Ok(OnCallRow::Position(7)));
        assert_eq!(write(&RowUpdate { key: RowKey::Dead(1), row: None }).1, None);
        for bad in [&b""[..], b"\x02{}", b"\x01{", b"\x01{\"Position\":-1}"] {
            let error = read(&at, bad).unwrap_err();
            assert!(error.starts_with("the row 61"), "{error}");
        }
    }

    #[test]
    fn keys_sort_as_what_they_are_of() {
        let keys = [
            RowKey::Position,
            RowKey::Case(EpisodeId(1)),
            RowKey::Case(EpisodeId(u128::MAX)),
            RowKey::Outgoing(2),
            RowKey::Outgoing(300),
            RowKey::Dead(1),
            RowKey::Silence(1),
            RowKey::Audit(1),
            RowKey::Digest(1),
            RowKey::Fallbacks,
            RowKey::Flapping(1),
        ];
        assert!(keys.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(keys.is_sorted());
    }
}
