//! A request as one flat list of nodes, each followed by what it holds.
//!
//! Both encodings are read into it, checked, before anything is made of it; its memory is kept
//! from record to record. A node costs its writer at least two bytes, so there are never more
//! than half as many nodes as a record has bytes.

use model::schema::OtlpSignal;

use crate::codec::limits::EVENTS_MAX;
use crate::codec::otlp::message::{MemberRole, OtlpMessage, WireShape};
use crate::codec::value::SpanSource;

/// The end of a node that is still being read.
const OPEN: u32 = u32::MAX;

/// One member of a message.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct TapeNode {
    pub part: MemberRole,
    pub leaf: NodeKind,
    /// The node after the last one it holds.
    end: u32,
}

/// Content of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::codec) enum NodeKind {
    /// A message; the nodes it holds follow.
    Message,
    Text {
        home: SpanSource,
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

/// Place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct EventPlace {
    /// The nodes it stands in, from the outside: resource, scope, metric, and itself.
    pub levels: [u32; 4],
    /// The kind of metric.
    pub kind: MemberRole,
}

/// The nodes of one request, and where its events are among them.
#[derive(Debug)]
pub(in crate::codec) struct RequestTape {
    telemetry: OtlpSignal,
    nodes: Vec<TapeNode>,
    pub events: Vec<EventPlace>,
    here: EventPlace,
}

impl EventPlace {
    /// Place of nothing.
    pub(in crate::codec) const NOWHERE: EventPlace =
        EventPlace { levels: [0; 4], kind: MemberRole::Request };
}

impl NodeKind {
    /// True when it is what protobuf leaves away.
    pub(in crate::codec) fn is_default(self) -> bool {
        match self {
            NodeKind::Text { start, end, .. } => start == end,
            NodeKind::Whole(number) => number == 0,
            NodeKind::Count(number) | NodeKind::Nanos(number) => number == 0,
            _ => false,
        }
    }
}

impl RequestTape {
    pub(in crate::codec) fn new(telemetry: OtlpSignal) -> RequestTape {
        let here = EventPlace::NOWHERE;
        RequestTape { telemetry, nodes: Vec::new(), events: Vec::new(), here }
    }

    /// Begins another request.
    pub(in crate::codec) fn restart(&mut self) {
        self.nodes.clear();
        self.events.clear();
        self.here = EventPlace::NOWHERE;
        self.nodes.push(TapeNode { part: MemberRole::Request, leaf: NodeKind::Message, end: OPEN });
    }

    /// Begins a message; `None` for one event too many.
    pub(in crate::codec) fn open(&mut self, part: MemberRole) -> Option<usize> {
        let at = self.nodes.len();
        self.nodes.push(TapeNode { part, leaf: NodeKind::Message, end: OPEN });
        let level = match part {
            MemberRole::Group => 0,
            MemberRole::ScopeGroup => 1,
            MemberRole::Metric => 2,
            MemberRole::Record => 3,
            MemberRole::Gauge
            | MemberRole::Sum
            | MemberRole::Histogram
            | MemberRole::ExponentialHistogram
            | MemberRole::Summary => {
                self.here.kind = part;
                return Some(at);
            }
            _ => return Some(at),
        };
        if let Some(node) = self.here.levels.get_mut(level) {
            *node = at as u32;
        }
        if part == MemberRole::Record {
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
    pub(in crate::codec) fn leaf(&mut self, part: MemberRole, leaf: NodeKind) {
        let end = self.nodes.len() as u32 + 1;
        self.nodes.push(TapeNode { part, leaf, end });
    }

    fn node(&self, at: usize) -> Option<&TapeNode> {
        self.nodes.get(at)
    }

    /// The nodes a message holds itself, by their places.
    pub(in crate::codec) fn children(&self, at: usize) -> impl Iterator<Item = (usize, &TapeNode)> {
        let end = self.node(at).map_or(0, |node| node.end as usize).min(self.nodes.len());
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let node = self.nodes.get(next).filter(|_| next < end)?;
            let here = std::mem::replace(&mut next, node.end as usize);
            Some((here, node))
        })
    }

    /// The last member of a kind: of repeated ones, it counts.
    pub(in crate::codec) fn last(&self, at: usize, part: MemberRole) -> Option<(usize, &TapeNode)> {
        self.children(at).filter(|(_, node)| node.part == part).last()
    }

    /// Content of an `AnyValue`; nothing is null.
    pub(in crate::codec) fn any(&self, at: usize) -> Option<(usize, &TapeNode)> {
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
        let (mut at, mut message) = (0, OtlpMessage::root(self.telemetry));
        while at < target {
            let holds =
                |(child, node): &(usize, &TapeNode)| *child <= target && target < node.end as usize;
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
            if matches!(member.shape, WireShape::Many(_)) {
                let before = self.children(at).take_while(|(place, _)| *place < child);
                let index = before.filter(|(_, other)| other.part == node.part).count();
                path.push_str(&format!("[{index}]"));
            }
            if let WireShape::One(inner) | WireShape::Many(inner) = member.shape {
                message = inner;
            }
            at = child;
        }
        path
    }
}
