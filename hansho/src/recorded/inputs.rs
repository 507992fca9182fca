//! The files that are read: each is one partition of a stream.

use std::sync::Arc;

use connectors::source::ReadState;
use connectors::source::file::FileSource;
use engine::resume::ResumePoint;
use model::schema::Schema;
use model::time::Timestamp;

use crate::commands::Exit;
use crate::pipeline::intake::{Intake, Partition};
use crate::recorded::Listener;

/// Undecodable lines of one input that are shown; the rest is counted.
const COMPLAINTS_MAX: u64 = 20;

/// All inputs.
pub struct Inputs {
    inputs: Vec<Input>,
}

/// One file read as a partition.
pub struct Input {
    path: String,
    source: FileSource,
    partition: Partition,
    complaints: u64,
    /// Whether its end was reached.
    pub has_ended: bool,
}

impl Inputs {
    /// Opens every `[STREAM=]FILE`.
    pub(crate) fn open(
        specifications: &[String],
        streams: &[Arc<Schema>],
        horizon_ms: i64,
    ) -> Result<Inputs, Exit> {
        let mut inputs: Vec<Input> = Vec::new();
        for specification in specifications {
            let (stream, path) = resolve(specification, streams)?;
            let siblings = inputs.iter().filter(|input| input.partition.stream == stream);
            let number = i32::try_from(siblings.count()).unwrap_or(i32::MAX);
            let source =
                FileSource::open(path, number).map_err(|error| Exit::Unreachable.because(error))?;
            let lateness_ms = streams.get(stream).map_or(0, |schema| schema.lateness_ms);
            let from = ResumePoint { offset: 0, front: None };
            let partition = Partition::new(stream, number, lateness_ms, horizon_ms, from);
            let path = if path == "-" { "<stdin>".to_owned() } else { path.to_owned() };
            inputs.push(Input { path, source, partition, complaints: 0, has_ended: false });
        }
        Ok(Inputs { inputs })
    }

    /// The input whose event time is furthest behind; `None` when all have ended.
    pub(crate) fn furthest_behind(&mut self) -> Option<&mut Input> {
        let running = self.inputs.iter_mut().filter(|input| !input.has_ended);
        running.min_by_key(|input| input.partition.front())
    }

    /// By stream: how far the inputs that have not ended let time pass.
    ///
    /// A stream whose inputs have all ended stays where they left it: other streams decide
    /// when the end of all input is.
    pub(crate) fn settled(&self, streams: usize) -> Vec<(usize, Timestamp)> {
        let of = |stream: usize| {
            let mine = self.inputs.iter().filter(move |i| i.partition.stream == stream);
            let running = mine.clone().any(|input| !input.has_ended);
            let counted = mine.filter(move |input| !input.has_ended || !running);
            let fronts = counted.map(|input| {
                let front = input.partition.front();
                front.map(|front| input.partition.settled_at(front))
            });
            let settled = if running { fronts.min() } else { fronts.max() };
            settled.flatten().map(|settled| (stream, settled))
        };
        (0..streams).filter_map(of).collect()
    }

    /// Says how many more lines could not be decoded than were shown.
    pub(crate) fn report_undecodable(&self) {
        for input in self.inputs.iter().filter(|input| input.complaints > COMPLAINTS_MAX) {
            let more = input.complaints - COMPLAINTS_MAX;
            eprintln!("{}: {more} more lines could not be decoded", input.path);
        }
    }
}

impl Input {
    /// The index of its stream.
    pub(crate) const fn stream(&self) -> usize {
        self.partition.stream
    }

    /// Reads some lines into the intake.
    pub(crate) fn read(
        &mut self,
        intake: &mut Intake,
        budget: usize,
        listener: &mut impl Listener,
    ) -> Result<ReadState, Exit> {
        let Input { path, source, partition, complaints, .. } = self;
        let mut complain = |line: i64, what: &dyn std::fmt::Display| {
            *complaints += 1;
            if *complaints <= COMPLAINTS_MAX {
                eprintln!("{path}:{line}: {what}");
            }
        };
        let progress = source.drain(budget, |record| match record {
            Err(oversized) => {
                intake.skip(partition, oversized.offset);
                complain(oversized.offset + 1, &oversized);
            }
            Ok(record) => {
                let stream = partition.stream;
                let taken = intake.take(partition, &record, |fate| listener.took(stream, fate));
                if let Err(error) = taken {
                    complain(record.offset + 1, &error);
                }
            }
        });
        let progress = progress.map_err(|error| Exit::Unreachable.because(error))?;
        Ok(progress.state)
    }
}

/// The stream and the path a specification names.
fn resolve<'a>(specification: &'a str, streams: &[Arc<Schema>]) -> Result<(usize, &'a str), Exit> {
    let names = || streams.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some((name, path)) = specification.split_once('=') {
        if let Some(stream) = streams.iter().position(|schema| schema.name == name) {
            return Ok((stream, path));
        }
        if streams.len() != 1 || !std::path::Path::new(specification).exists() {
            let known = names();
            let what = format!("{specification}: no stream `{name}`; there are {known}");
            return Err(Exit::Usage.because(what));
        }
    }
    if streams.len() == 1 {
        return Ok((0, specification));
    }
    let what = format!("{specification}: name its stream, as in STREAM=FILE: {}", names());
    Err(Exit::Usage.because(what))
}
