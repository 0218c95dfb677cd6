//! The levers whose evidence is written: what measures them, what shows that they change nothing, and what is said of them.

/// A lever.
pub(super) struct Lever {
    /// Its packet, and its name there.
    pub(super) packet: &'static str,
    pub(super) name: &'static str,
    /// What measures it; prints one JSON object.
    pub(super) measure: [&'static str; 8],
    /// The property that both sides answer alike.
    pub(super) property: [&'static str; 7],
    /// The two sides.
    pub(super) sides: [&'static str; 2],
    /// What the two rows of figures are of, as fields of JSON and in words.
    pub(super) fields: [&'static str; 2],
    pub(super) rows: [&'static str; 2],
    /// What it is, as the report says it.
    pub(super) selection: &'static str,
    /// Why one lever is changed at a time, and who pays what.
    pub(super) remark: &'static str,
    /// What was asked after what, and why that is all there is.
    pub(super) pairs: &'static str,
    pub(super) why_equal: &'static str,
}

/// All of them, by packet.
pub(super) const LEVERS: [Lever; 2] = [
    Lever {
        packet: "FR-P2C-007",
        name: "LEV-007",
        measure: ["cargo", "run", "--quiet", "--release", "-p", "clusterbus", "--example", "gate_memo"],
        property: ["cargo", "test", "--quiet", "-p", "clusterbus", "--", "the_memo_answers_as_the_plain_gate"],
        sides: ["plain gate", "memoised gate"],
        fields: ["ns_per_answer_of_few_slots", "ns_per_answer_of_all_slots"],
        rows: ["keys of few slots", "keys of all slots"],
        selection: "# LEV-007: the gate's answer is memoised\n\n\
             Every command with keys asks the gate who serves it. While the cluster serves, a slot that is this node's and not being \
             moved is served here whatever is asked. That is known when a core's snapshot is made: one bit per slot, 2 KiB in all, which \
             go with the snapshot. Everything else is decided anew.",
        remark: "One lever is changed at a time: both sides run in one process, in alternate rounds, over the same recording. Both \
             include the slot of the key, which a command's routing has to compute with or without a cluster.",
        pairs: "every request under every state",
        why_equal: "The memo is a part of the snapshot, which never changes once a core has it: no answer outlives what it was made of. \
             Slots that are being moved are never in it.",
    },
    Lever {
        packet: "FR-P2C-008",
        name: "LEV-008",
        measure: ["cargo", "run", "--quiet", "--release", "-p", "evict", "--example", "memo"],
        property: ["cargo", "test", "--quiet", "-p", "evict", "--", "the_memo_answers_as_the_plain_decision"],
        sides: ["plain decision", "memoised decision"],
        fields: ["ns_per_answer", "ns_per_answer_with_its_question"],
        rows: ["of a question that is ready", "with the question made from what the core knows"],
        selection: "# LEV-008: the pressure decision is memoised\n\n\
             Before a command that needs memory a core asks what the pressure on its memory asks for. The answer depends on the settings, \
             on what stands against evicting, on whether the limit is passed and on whether the policy has candidates: on few things, \
             which seldom change. The memo keeps the last answer with exactly these as its key.",
        remark: "One lever is changed at a time: both sides run in one process, in alternate rounds, over the same recording. What a \
             command pays is neither: it compares its core's bytes with one number, and only a core that is short of memory asks at all.",
        pairs: "every question after every other one, policies included",
        why_equal: "The memo holds one answer, so what it answers depends on the question and the one before: the second row is all \
             there is. A change of the settings is another epoch and never meets an answer of the one before.",
    },
];
