//! A request as one flat list of nodes, each followed by what it holds.
//!
//! Both encodings are read into it, checked, before anything is made of it; its memory is kept
//! from record to record. A node costs its writer at least two bytes, so there are never more
//! than half as many nodes as a record has bytes.

use model::schema::Telemetry;

use crate::codec::limits::EVENTS_MAX;
use crate::codec::otlp::message::{Message, Part, Shape};
use crate::codec::value::Home;

/// The end of a node that is still being read.
const OPEN: u32 = u32::MAX;

/// One member of a message.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct Node {
    pub part: Part,
    pub leaf: Leaf,
    /// The node after the last one it holds.
    end: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::codec) enum Leaf {
    /// A message; the nodes it holds follow.
    Message,
    Text {
        home: Home,
        start: u32,
        end: u32,
    },
    /// A number as JSON spells it, by its place in the record.
    Spelled {
        start: u32,
        end: u32,
    },
    Whole(i64),
    Count(u64),
    Nanos(u64),
    Double(f64),
    Bool(bool),
    Bytes,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct EventPlace {
    /// The nodes it stands in, from the outside: resource, scope, metric, and itself.
    pub levels: [u32; 4],
    /// The kind of metric.
    pub kind: Part,
}

/// The nodes of one request, and where its events are among them.
#[derive(Debug)]
pub(in crate::codec) struct Tape {
    telemetry: Telemetry,
    nodes: Vec<Node>,
    pub events: Vec<EventPlace>,
    here: EventPlace,
}

impl EventPlace {
    /// Where nothing is.
    pub(in crate::codec) const NOWHERE: EventPlace =
        EventPlace { levels: [0; 4], kind: Part::Request };
}

impl Leaf {
    /// Whether it is what protobuf leaves away.
    pub(in crate::codec) fn is_default(self) -> bool {
        match self {
            Leaf::Text { start, end, .. } => start == end,
            Leaf::Whole(number) => number == 0,
            Leaf::Count(number) | Leaf::Nanos(number) => number == 0,
            _ => false,
        }
    }
}

impl Tape {
    pub(in crate::codec) fn new(telemetry: Telemetry) -> Tape {
        let here = EventPlace::NOWHERE;
        Tape { telemetry, nodes: Vec::new(), events: Vec::new(), here }
    }

    /// Begins another request.
    pub(in crate::codec) fn restart(&mut self) {
        self.nodes.clear();
        self.events.clear();
        self.here = EventPlace::NOWHERE;
        self.nodes.push(Node { part: Part::Request, leaf: Leaf::Message, end: OPEN });
    }

    /// Begins a message; `None` for one event too many.
    pub(in crate::codec) fn open(&mut self, part: Part) -> Option<usize> {
        let at = self.nodes.len();
        self.nodes.push(Node { part, leaf: Leaf::Message, end: OPEN });
        let level = match part {
            Part::Group => 0,
            Part::ScopeGroup => 1,
            Part::Metric => 2,
            Part::Record => 3,
            Part::Gauge
            | Part::Sum
            | Part::Histogram
            | Part::ExponentialHistogram
            | Part::Summary => {
                self.here.kind = part;
                return Some(at);
            }
            _ => return Some(at),
        };
        if let Some(node) = self.here.levels.get_mut(level) {
            *node = at as u32;
        }
        if part == Part::Record {
            if self.events.len() == EVENTS_MAX {
                return None;
            }
            self.events.push(self.here);
        }
        Some(at)
    }

    /// Ends a message.
    pub(in crate::codec) fn close(&mut self, at: usize) {
        let end = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(at) {
            node.end = end;
        }
    }

    /// Adds a member that holds nothing else.
    pub(in crate::codec) fn leaf(&mut self, part: Part, leaf: Leaf) {
        let end = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { part, leaf, end });
    }

    fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The nodes a message holds itself, by their places.
    pub(in crate::codec) fn children(&self, at: usize) -> impl Iterator<Item = (usize, &Node)> {
        let end = self.node(at).map_or(0, |node| node.end as usize).min(self.nodes.len());
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let node = self.nodes.get(next).filter(|_| next < end)?;
            let here = std::mem::replace(&mut next, node.end as usize);
            Some((here, node))
        })
    }

    /// The last member of a kind: of repeated ones, it counts.
    pub(in crate::codec) fn last(&self, at: usize, part: Part) -> Option<(usize, &Node)> {
        self.children(at).filter(|(_, node)| node.part == part).last()
    }

    /// What is in an `AnyValue`; nothing is null.
    pub(in crate::codec) fn any(&self, at: usize) -> Option<(usize, &Node)> {
        self.children(at).last()
    }

    /// The path of the innermost message that has not ended: where reading stopped.
    pub(in crate::codec) fn stopped_in(&self) -> String {
        let open = self.nodes.iter().rposition(|node| node.end == OPEN);
        self.path(open.unwrap_or(0))
    }

    /// The path of a node, as in `resourceLogs[0].scopeLogs[1]`; empty for the request.
    pub(in crate::codec) fn path(&self, target: usize) -> String {
        let mut path = String::new();
        let (mut at, mut message) = (0, Message::root(self.telemetry));
        while at < target {
            let holds =
                |(child, node): &(usize, &Node)| *child <= target && target < node.end as usize;
            let Some((child, node)) = self.children(at).find(holds) else {
                break;
            };
            let member = message.members().iter().find(|member| member.part == node.part);
            let Some(member) = member else {
                break;
            };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(member.name);
            if matches!(member.shape, Shape::Many(_)) {
                let before = self.children(at).take_while(|(place, _)| *place < child);
                let index = before.filter(|(_, other)| other.part == node.part).count();
                path.push_str(&format!("[{index}]"));
            }
            if let Shape::One(inner) | Shape::Many(inner) = member.shape {
                message = inner;
            }
            at = child;
        }
        path
    }
}
