//! What it costs to publish to a group, the more groups there are.

use std::{io, time::Instant};

use super::{ROW, Setting};
use crate::{
    child::{Cores, Server},
    frame::{Number, Stamp},
    measure::{Measured, Tally, measure},
    report::Spread,
    swarm::{Load, Swarm},
    table::Table,
    wire::{Delivery, unexpected},
};

/// Who groups have as members, in turn; one more connection publishes. What is written is the same then, however many
/// groups there are: a message to a member, and an answer.
const MEMBERS: usize = 100;

pub(super) fn table(setting: &Setting, cores: Option<Cores>) -> io::Result<Table> {
    let mut table = Table::new(
        "Cost of publishing",
        "Over sockets: a client publishes 100 characters to each group in turn and waits for the answer, the group's one \
         member receives it. CPU us of the server for all of that, median of interleaved rounds (lowest and highest).",
        &["groups", "us a publish", "lowest", "highest"],
    );
    let mut scenes = Vec::new();
    for &groups in setting.groups {
        let server = Server::start(ROW, cores)?;
        let mut swarm = Swarm::connect(server.address, ROW.dialect, 1 + MEMBERS)?;
        join(&mut swarm, groups, 1, MEMBERS)?;
        scenes.push((groups, server, swarm, Vec::new()));
    }
    for _ in 0..setting.rounds {
        for (groups, server, swarm, figures) in &mut scenes {
            server.settle()?;
            let sample = measure(server, swarm, &mut Publish::new(*groups), setting.timing)?;
            figures.push(sample.cpu_per_message());
        }
    }
    for (groups, _, _, figures) in scenes {
        let Some(Spread { min, median, max }) = Spread::of(figures.into_iter()) else {
            continue;
        };
        table.row([
            groups.to_string(),
            format!("{median:.2}"),
            format!("{min:.2}"),
            format!("{max:.2}"),
        ]);
    }
    Ok(table)
}

/// Every group gets one member: of `members` connections from `first` on, the next one for each stretch of groups.
pub(super) fn join(
    swarm: &mut Swarm,
    groups: usize,
    first: usize,
    members: usize,
) -> io::Result<()> {
    let mut load = Join {
        groups,
        first,
        members,
        waiting: 0,
    };
    swarm.start(&mut load)?;
    while load.waiting > 0 {
        swarm.turn(&mut load)?;
    }
    Ok(())
}

/// The groups of member number `member`.
fn groups_of(member: usize, members: usize, groups: usize) -> std::ops::Range<usize> {
    member * groups / members..(member + 1) * groups / members
}

struct Join {
    groups: usize,
    first: usize,
    members: usize,
    waiting: usize,
}

impl Load for Join {
    fn start(&mut self, peer: usize, _: Instant, out: &mut Vec<u8>) {
        let Some(member) = peer.checked_sub(self.first) else {
            return;
        };
        let groups = groups_of(member, self.members, self.groups);
        if !groups.is_empty() {
            let (first, end) = (groups.start, groups.end);
            let call = format!(r#"{{"H":"growth","M":"join","A":[{first},{end}],"I":$$$$$$$$}}"#);
            Stamp::new(&call).write(Number::FIRST, out);
            self.waiting += 1;
        }
    }

    fn text(&mut self, _: usize, text: &[u8], _: Instant, _: &mut Vec<u8>) -> io::Result<()> {
        if text == br#"{"I":"10000000"}"# {
            self.waiting -= 1;
        } else if !text.starts_with(br#"{"C":"#) || !text.ends_with(br#","M":[]}"#) {
            // Tokens of groups come without messages.
            return Err(unexpected(text, Number::FIRST));
        }
        Ok(())
    }
}

/// One publish at a time, by the first connection.
struct Publish {
    requests: Vec<(Stamp, Delivery)>,
    group: usize,
    next: Number,
    under_way: Option<UnderWay>,
    stopped: bool,
    tally: Tally,
}

struct UnderWay {
    number: Number,
    since: Instant,
    delivered: bool,
    answered: bool,
}

impl Publish {
    fn new(groups: usize) -> Self {
        Self {
            requests: (0..groups).map(Delivery::of_group).collect(),
            group: 0,
            next: Number::FIRST,
            under_way: None,
            stopped: false,
            tally: Tally::default(),
        }
    }
}

impl Load for Publish {
    fn text(&mut self, peer: usize, text: &[u8], now: Instant, _: &mut Vec<u8>) -> io::Result<()> {
        let wrong = || unexpected(text, self.next);
        let groups = self.requests.len();
        let (_, delivery) = self.requests.get_mut(self.group).ok_or_else(wrong)?;
        let under_way = self.under_way.as_mut().ok_or_else(wrong)?;
        if peer == 0 {
            let answer = format!(r#"{{"I":"{}"}}"#, under_way.number);
            if text != answer.as_bytes() || under_way.answered {
                return Err(unexpected(text, under_way.number));
            }
            under_way.answered = true;
        } else {
            let meant = groups_of(peer - 1, MEMBERS, groups).contains(&self.group);
            let mut number = under_way.number;
            if !meant || under_way.delivered || delivery.take(text, &mut number)? != 1 {
                return Err(unexpected(text, under_way.number));
            }
            under_way.delivered = true;
        }
        if under_way.answered && under_way.delivered {
            self.tally.add(under_way.since, now);
            self.under_way = None;
            self.group = (self.group + 1) % groups;
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Vec<u8>) {
        if self.stopped || self.under_way.is_some() {
            return;
        }
        let number = self.next.take();
        if let Some((request, _)) = self.requests.get(self.group) {
            request.write(number, out);
        }
        self.under_way = Some(UnderWay {
            number,
            since: Instant::now(),
            delivered: false,
            answered: false,
        });
    }
}

impl Measured for Publish {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn done(&self) -> bool {
        self.under_way.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_one_member() {
        for groups in [1, 7, 100, 250] {
            let all: Vec<usize> = (0..MEMBERS)
                .flat_map(|member| groups_of(member, MEMBERS, groups))
                .collect();
            assert_eq!(all, (0..groups).collect::<Vec<_>>());
        }
    }
}
