//! A filter made ready for one segment: what it says of shapes and of entries of dictionaries is found out once for each
//! of them, and rows are then told by their numbers.

use std::net::{IpAddr, Ipv4Addr};

use dns::Rcode;
use server::answered::Source;
use server::transport::Transport;

use super::block::Block;
use super::columns::{Dict, Narrow, Texts, Wide};
use super::entry;
use super::segment::Damaged;
use super::shape::Shape;
use crate::decision::Decision;
use crate::filter::{Facts, Filter, Key, Term, folded_suffix};
use crate::request_id::RequestId;

/// Which rows are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Those that match this.
    pub filter: &'a Filter,
    /// Those from this time on, in microseconds since 1970.
    pub from_us: u64,
    /// Those up to this time.
    pub to_us: u64,
}

/// Nothing is known.
const NOTHING: Facts<'static> = Facts {
    id: RequestId::from_bits(0),
    name: None,
    zone: None,
    rtype: None,
    client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    upstream: None,
    transport: Transport::Udp,
    source: Source::Server,
    rcode: Rcode::NOERROR,
    security: None,
    elapsed_us: 0,
    decision: Decision { action: "", policy: "", group: "", list: "", rule: "" },
};

/// What a term looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Shape,
    Dict(Dict),
    Row,
}

fn aspect(key: Key) -> Aspect {
    match key {
        Key::Type | Key::Code | Key::Source | Key::Cache | Key::Proto | Key::Dnssec => Aspect::Shape,
        Key::Name | Key::Zone => Aspect::Dict(Dict::Names),
        Key::Client => Aspect::Dict(Dict::Clients),
        Key::Upstream => Aspect::Dict(Dict::Upstreams),
        Key::Group | Key::Action | Key::List | Key::Rule => Aspect::Dict(Dict::Decisions),
        Key::Time | Key::Id => Aspect::Row,
    }
}

/// One of a row's numbers, and which of them pass.
struct Selection<'b> {
    column: &'b [u16],
    passes: Vec<bool>,
}

/// A filter, made ready for one segment.
pub struct Plan<'a, 'b> {
    selections: Vec<Selection<'b>>,
    times: Option<(&'b [u64], u64, u64)>,
    terms: Vec<&'a Term>,
    rows: Option<Rows<'b>>,
}

struct Rows<'b> {
    shapes: (&'b [Shape], &'b [u16]),
    times: &'b [u64],
    sequences: &'b [u64],
    elapsed: &'b [u64],
}

impl<'a, 'b> Plan<'a, 'b> {
    /// The plan for a segment whose rows are of `times_us`; `None`: none of its rows is wanted.
    pub fn new(
        block: &'b dyn Block,
        times_us: (u64, u64),
        wanted: &Wanted<'a>,
    ) -> Result<Option<Plan<'a, 'b>>, Damaged> {
        if times_us.1 < wanted.from_us || times_us.0 > wanted.to_us {
            return Ok(None);
        }
        let terms = wanted.filter.terms();
        let of = |wanted: Aspect| terms.iter().filter(|term| aspect(term.key()) == wanted).collect::<Vec<_>>();
        let mut selections = Vec::new();
        let shape_terms = of(Aspect::Shape);
        if !shape_terms.is_empty() {
            let passes = block.shapes().iter().map(|shape| accept(&shape_terms, &shape_facts(shape))).collect();
            if !select(&mut selections, passes, || block.narrow(Narrow::Shape))? {
                return Ok(None);
            }
        }
        let dicts = [
            (Dict::Clients, Narrow::Client),
            (Dict::Upstreams, Narrow::Upstream),
            (Dict::Decisions, Narrow::Decision),
            (Dict::Names, Narrow::Name),
        ];
        for (dict, column) in dicts {
            let terms = of(Aspect::Dict(dict));
            if terms.is_empty() {
                continue;
            }
            let passes = dict_passes(dict, block.dict(dict)?, &terms);
            if !select(&mut selections, passes, || block.narrow(column))? {
                return Ok(None);
            }
        }
        let is_inside = times_us.0 >= wanted.from_us && times_us.1 <= wanted.to_us;
        let times = if is_inside { None } else { Some((block.wide(Wide::Time)?, wanted.from_us, wanted.to_us)) };
        let terms = of(Aspect::Row);
        let rows = if terms.is_empty() { None } else { Some(Rows::new(block)?) };
        Ok(Some(Plan { selections, times, terms, rows }))
    }

    /// Whether the row with this number is wanted.
    pub fn accepts(&self, row: usize) -> bool {
        let is_selected = self.selections.iter().all(|selection| {
            let number = selection.column.get(row).map_or(usize::MAX, |number| usize::from(*number));
            selection.passes.get(number).copied().unwrap_or(false)
        });
        is_selected
            && self.times.is_none_or(|(times, from_us, to_us)| {
                times.get(row).is_some_and(|time_us| (from_us..=to_us).contains(time_us))
            })
            && self.rows.as_ref().is_none_or(|rows| rows.facts(row).is_some_and(|facts| accept(&self.terms, &facts)))
    }
}

impl<'b> Rows<'b> {
    fn new(block: &'b dyn Block) -> Result<Rows<'b>, Damaged> {
        Ok(Rows {
            shapes: (block.shapes(), block.narrow(Narrow::Shape)?),
            times: block.wide(Wide::Time)?,
            sequences: block.wide(Wide::Sequence)?,
            elapsed: block.wide(Wide::Elapsed)?,
        })
    }

    fn facts(&self, row: usize) -> Option<Facts<'static>> {
        let (shapes, numbers) = self.shapes;
        let shape = shapes.get(usize::from(*numbers.get(row)?))?;
        let id = RequestId::new(*self.times.get(row)?, shape.instance, *self.sequences.get(row)?);
        Some(Facts { id, elapsed_us: *self.elapsed.get(row)?, ..NOTHING })
    }
}

/// Adds a selection unless everything passes; false: nothing does.
fn select<'b>(
    selections: &mut Vec<Selection<'b>>,
    passes: Vec<bool>,
    column: impl FnOnce() -> Result<&'b [u16], Damaged>,
) -> Result<bool, Damaged> {
    if !passes.contains(&true) {
        return Ok(false);
    }
    if passes.contains(&false) {
        selections.push(Selection { column: column()?, passes });
    }
    Ok(true)
}

fn accept(terms: &[&Term], facts: &Facts<'_>) -> bool {
    terms.iter().all(|term| term.accepts(facts))
}

fn shape_facts(shape: &Shape) -> Facts<'static> {
    Facts {
        rtype: shape.rtype(),
        rcode: shape.rcode(),
        source: shape.source(),
        transport: shape.transport(),
        security: shape.security(),
        ..NOTHING
    }
}

fn dict_passes(dict: Dict, texts: &Texts, terms: &[&Term]) -> Vec<bool> {
    let facts = |text| match dict {
        Dict::Names => match entry::name(text) {
            Some((apex, name)) => {
                let zone = apex.and_then(|labels| folded_suffix(name, labels));
                Facts { name: Some(name), zone, ..NOTHING }
            }
            None => NOTHING,
        },
        Dict::Clients => Facts { client: entry::address(text).unwrap_or(NOTHING.client), ..NOTHING },
        Dict::Upstreams => Facts { upstream: entry::upstream(text).map(|server| server.ip()), ..NOTHING },
        Dict::Decisions => Facts { decision: entry::decision(text), ..NOTHING },
        Dict::Data => NOTHING,
    };
    texts.iter().map(|text| accept(terms, &facts(text))).collect()
}
