//! Scripts of several connections: every round stands alone, and nothing that a server sends stays unread.

use super::{Action, Script, Step, plain_step};
use std::collections::{BTreeMap, BTreeSet};

/// Makes each round of a loop a script of its own, and has each script end with all that its connections still received.
pub fn sessions(scripts: Vec<Script>) -> Vec<Script> {
    scripts.into_iter().flat_map(rounds).map(read_out).collect()
}

fn rounds(script: Script) -> Vec<Script> {
    let Script { file, name, steps, protocols, .. } = script;
    let rounds: Vec<&[Step]> = steps.split(|step| step.action == Action::Flush).collect();
    let named = |number: usize| if rounds.len() == 1 { name.clone() } else { format!("{name}, round {number}") };
    (1..)
        .zip(&rounds)
        .map(|(number, steps)| Script {
            file: file.clone(),
            name: named(number),
            steps: steps.to_vec(),
            protocols,
            apart: true,
        })
        .collect()
}

fn read_out(mut script: Script) -> Script {
    let mut last: BTreeMap<char, &Step> = BTreeMap::new();
    for step in &script.steps {
        last.insert(step.connection, step);
    }
    // A monitor would also see what we send to find out that nothing is left.
    let monitors = script.steps.iter().fold(BTreeSet::new(), |mut monitors, step| {
        match verb(step).as_deref() {
            Some("MONITOR") => drop(monitors.insert(step.connection)),
            Some("RESET") => drop(monitors.remove(&step.connection)),
            _ => {}
        }
        monitors
    });
    let gone = |step: &Step| {
        matches!(step.action, Action::Eof | Action::Drop | Action::RawEnd { .. }) || monitors.contains(&step.connection)
    };
    let open: Vec<(char, usize)> =
        last.into_iter().filter(|(_, step)| !gone(step)).map(|(name, step)| (name, step.line)).collect();
    for (connection, line) in open {
        let text = format!("what {connection} still received");
        script.steps.push(Step { connection, ..plain_step(line, &text, Action::Rest) });
    }
    script
}

fn verb(step: &Step) -> Option<String> {
    match &step.action {
        Action::Call(words) => words.first().map(|verb| String::from_utf8_lossy(verb).to_ascii_uppercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn rounds_stand_alone_and_end_with_what_is_left() {
        let text = "== one\nfor N in 1 | 2\nSET k $N\n@blocks b> BLPOP l 0\n@drop b>\n== [3] two\nobserve e\nSET k v\n";
        let scripts = sessions(read("f", text));
        let texts: Vec<Vec<&str>> =
            scripts.iter().map(|script| script.steps.iter().map(|step| step.text.as_str()).collect()).collect();
        assert_eq!(texts[0], ["SET k 1", "@blocks b> BLPOP l 0", "@drop b>", "what a still received"]);
        assert_eq!(texts[1][0], "SET k 2");
        assert_eq!(texts[2], ["SET k v", "what e sees of SET k v", "what a still received", "what e still received"]);
        assert_eq!(scripts[2].protocols.len(), 1);
        assert!(scripts.iter().all(|script| script.apart));
    }
}
