//! From one thread to another: batches over a ring that come back empty, beside single rows
//! over a channel of the standard library.

use std::fs;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use benches::compare::{BenchHarness, BenchSide, ROUNDS, Size};
use benches::load::{LoginAttempts, SOURCES, write_short_lines};
use benches::pipeline::{BenchRules, SHORT_STREAM};
use criterion::{Criterion, Throughput};
use model::observation::{Observation, ObservationBatch};
use rtrb::RingBuffer;
use runtime::ingest::admission::BATCH_ROWS;

/// Batches a ring holds, as in the service; the channel holds as many rows.
const RING_BATCHES: usize = 16;

fn main() {
    let harness = BenchHarness::from_args();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args();
    let (template, rounds) = (template(), harness.size(300, 3));
    let rows = rounds * BATCH_ROWS;
    let mut group = criterion.benchmark_group("ring");
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("rtrb", |b| b.iter(|| over_ring(&template, rounds)));
    group.bench_function("mpsc", |b| b.iter(|| over_channel(&template, rounds)));
    group.finish();
    let ours = BenchSide::timed("rtrb", || over_ring(&template, rounds));
    let plain = BenchSide::timed("std mpsc, row by row", || over_channel(&template, rounds));
    harness.compare("ring", Size { events: rows, rounds: ROUNDS }, [ours, plain]);
}

/// One full batch, to copy rows and keys from.
fn template() -> ObservationBatch {
    let alert = "alert a count(failures) >= 10 within 1m by src.ip low\n";
    let failures =
        LoginAttempts::new(SOURCES, 4).filter(|attempt| attempt.is_failure).take(BATCH_ROWS);
    let load = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ring.jsonl");
    write_short_lines(&load, failures).expect("room for the load");
    let mut observed = BenchRules::compile(&[SHORT_STREAM, alert]).observe(&load);
    fs::remove_file(load).expect("the load is removed");
    let (batch, _) = observed.steps.remove(0);
    assert_eq!(batch.rows.len(), BATCH_ROWS, "one full batch");
    batch
}

/// Fills so many batches row by row and hands them over; their memory comes back.
fn over_ring(template: &ObservationBatch, batches: usize) -> u64 {
    let (mut full, mut take_full) = RingBuffer::<ObservationBatch>::new(RING_BATCHES);
    let (mut give_spare, mut spare) = RingBuffer::<ObservationBatch>::new(RING_BATCHES);
    let reader = thread::spawn(move || {
        let mut sum = 0;
        loop {
            // Abandoned is asked first: what was pushed before is then seen by the pop.
            let is_last = take_full.is_abandoned();
            match take_full.pop() {
                Ok(mut batch) => {
                    sum += batch.rows.iter().map(value_of).sum::<u64>();
                    batch.clear();
                    drop(give_spare.push(batch));
                }
                Err(_) if is_last => return sum,
                Err(_) => thread::yield_now(),
            }
        }
    });
    for _ in 0..batches {
        let mut batch = spare.pop().unwrap_or_default();
        for row in &template.rows {
            batch.bytes.extend_from_slice(template.slice(row.key));
            batch.rows.push(*row);
        }
        while let Err(rtrb::PushError::Full(back)) = full.push(batch) {
            batch = back;
            thread::yield_now();
        }
    }
    drop(full);
    reader.join().expect("the reading thread")
}

/// Sends the same rows one by one; their keys are left out, which spares the channel work.
fn over_channel(template: &ObservationBatch, batches: usize) -> u64 {
    let (sender, receiver) = sync_channel::<Observation>(RING_BATCHES * BATCH_ROWS);
    let reader = thread::spawn(move || receiver.iter().map(|row| value_of(&row)).sum());
    for _ in 0..batches {
        for row in &template.rows {
            sender.send(*row).expect("a reader that listens");
        }
    }
    drop(sender);
    reader.join().expect("the reading thread")
}

fn value_of(row: &Observation) -> u64 {
    row.time.0 as u64 % 1_000
}
