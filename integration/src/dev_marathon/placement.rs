//! On which agent a task goes.

use std::net::Ipv4Addr;

use regex::Regex;

/// What is known of an agent when a task is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its address, which is its host name too.
    pub host: Ipv4Addr,
    /// How many tasks of the same app it runs.
    pub of_app: usize,
    /// How many tasks it runs.
    pub total: usize,
}

/// The agents that satisfy the constraints, the least busy first; equals stay in order.
pub fn rank(constraints: &[Vec<String>], agents: &[Candidate]) -> Vec<Ipv4Addr> {
    let mut fit: Vec<&Candidate> = agents
        .iter()
        .filter(|agent| constraints.iter().all(|constraint| allows(constraint, agent, agents)))
        .collect();
    fit.sort_by_key(|agent| (agent.of_app, agent.total));
    fit.into_iter().map(|agent| agent.host).collect()
}

/// Only `hostname` is known of these agents; a constraint on anything else is on an attribute that none has.
fn allows(constraint: &[String], agent: &Candidate, all: &[Candidate]) -> bool {
    let words: Vec<&str> = constraint.iter().map(String::as_str).collect();
    let host = agent.host.to_string();
    match words.as_slice() {
        ["hostname" | "@hostname", "UNIQUE", ..] => agent.of_app == 0,
        ["hostname" | "@hostname", "CLUSTER" | "IS", name] => host == *name,
        ["hostname" | "@hostname", "CLUSTER"] => {
            agent.of_app > 0 || all.iter().all(|other| other.of_app == 0)
        }
        ["hostname" | "@hostname", "LIKE", pattern] => matches(pattern, &host),
        ["hostname" | "@hostname", "UNLIKE", pattern] => !matches(pattern, &host),
        ["hostname" | "@hostname", "MAX_PER", most] => {
            most.parse::<usize>().is_ok_and(|most| agent.of_app < most)
        }
        // Spreading is what `rank` does anyway; an attribute that is not there is unlike everything.
        [_, "GROUP_BY" | "UNLIKE", ..] => true,
        _ => false,
    }
}

/// Marathon's patterns match the whole text.
fn matches(pattern: &str, host: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_and_load_decide() {
        let agent =
            |n, of_app, total| Candidate { host: Ipv4Addr::new(127, 1, 1, n), of_app, total };
        let agents = [agent(1, 1, 1), agent(2, 0, 5), agent(3, 0, 2)];
        let rows: [(&[&str], &[u8]); 9] = [
            (&[], &[3, 2, 1]),
            (&["hostname", "UNIQUE"], &[3, 2]),
            (&["hostname", "CLUSTER"], &[1]),
            (&["hostname", "CLUSTER", "127.1.1.2"], &[2]),
            (&["hostname", "LIKE", r"127\.1\.1\.[12]"], &[2, 1]),
            (&["hostname", "LIKE", "127"], &[]),
            (&["hostname", "UNLIKE", ".*3"], &[2, 1]),
            (&["hostname", "MAX_PER", "2"], &[3, 2, 1]),
            (&["rack", "LIKE", "a"], &[]),
        ];
        for (words, want) in rows {
            let constraint: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            let constraints = if words.is_empty() { vec![] } else { vec![constraint] };
            let got = rank(&constraints, &agents);
            let got: Vec<u8> = got.iter().map(|host| host.octets()[3]).collect();
            assert_eq!(got, want, "{words:?}");
        }
    }
}
