//! The mail of a service thread.

use std::task::Context;

use keyspace::hash::{KeyHasher, Random};
use keyspace::limits::DataLimits;
use keyspace::store::Keyspace;
use shard::acl::Users;
use shard::command;
use shard::mesh::MeshParts;
use shard::mesh::budget::Budget;
use shard::mesh::mailbox::{MAILBOX_MESSAGES, REQUESTS_PER_PAIR_MAX, mailboxes};
use shard::ring::uring::RingTable;
use shard::settings::PubsubDefault;
use shard::shard::ShardParts;

use super::*;

/// What the test plays the cores with; their owners keep the batons.
type Cores = (Vec<Ends<Mail<Socket>>>, Vec<Owner<Shard>>);

/// A post, and two cores.
fn post_and_cores() -> (Rc<RefCell<Post>>, Cores) {
    let settings = Arc::new(Settings::default());
    let shard = |core| {
        let limits = DataLimits { string_bytes_max: 1 << 20, ..DataLimits::default() };
        let keyspace = Keyspace::new(1, KeyHasher::new([1, 2, 3, 4]), Random::new(5), limits);
        let slow_ids = Arc::default();
        Shard::new(ShardParts {
            core: CoreId(core),
            keyspace,
            settings: settings.clone(),
            slow_ids,
            table: command::table(),
            map: shard::route::SlotMap::striped(2),
            budget: Arc::new(Budget::new(0, 2)),
            log: None,
        })
    };
    let MeshParts { mesh, cores, services } = MeshParts::new(vec![shard(0), shard(1)], 1);
    let mut ends = mailboxes(mesh.addresses(), MAILBOX_MESSAGES);
    let mine = ends.pop().expect("three addresses");
    let table = RingTable::new(2).expect("two eventfds");
    let rousers = vec![Rouser::Core(table.waker(0)), Rouser::Core(table.waker(1)), Rouser::Thread(Arc::default())];
    let owner = services.into_iter().next().expect("one was asked for");
    (Rc::new(RefCell::new(Post::new(Seat { mesh, owner, ends: mine, rousers }))), (ends, cores))
}

/// Has a core answer all questions in its mail with `Done`; says how many there were.
fn answer_all(core: &mut Ends<Mail<Socket>>, post: &Rc<RefCell<Post>>) -> usize {
    let mut questions = Vec::new();
    let _ = core.receive(usize::MAX, |from, mail| match mail {
        Mail::Ask(question) => questions.push((from, question.id)),
        _ => panic!("only questions are sent"),
    });
    for (from, id) in &questions {
        let reply = Mail::Answer(Box::new(Reply { id: *id, answer: Answer::Done }));
        assert!(core.send(*from, reply).is_ok());
    }
    core.flush(|to| {
        let _ = post.borrow().mesh.post(to);
    });
    questions.len()
}

fn receive(post: &Rc<RefCell<Post>>) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    post.borrow_mut().receive(&mut arrivals);
    arrivals
}

fn is_ready(answers: &mut Answers) -> bool {
    Pin::new(answers).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn answers_are_ready_when_the_last_core_answered() {
    let (post, (mut cores, _owners)) = post_and_cores();
    let id = post.borrow_mut().ask_cores(&Ask::Ping).expect("there are credits");
    let mut answers = Answers::new(post.clone(), id);
    assert!(!is_ready(&mut answers));
    assert_eq!(answer_all(&mut cores[1], &post), 1);
    assert!(receive(&post).is_empty() && !is_ready(&mut answers));
    assert_eq!(answers.silent(), [CoreId(0)]);
    assert_eq!(answer_all(&mut cores[0], &post), 1);
    assert!(receive(&post).is_empty() && is_ready(&mut answers));
}

#[test]
fn a_core_that_does_not_answer_is_asked_no_more_than_its_credits_allow() {
    let (post, (mut cores, _owners)) = post_and_cores();
    for _ in 0..REQUESTS_PER_PAIR_MAX {
        let id = post.borrow_mut().ask_cores(&Ask::Ping).expect("there are credits");
        // Whoever asked gives up.
        drop(Answers::new(post.clone(), id));
        answer_all(&mut cores[0], &post);
        receive(&post);
    }
    assert!(post.borrow_mut().ask_cores(&Ask::Ping).is_none());
    assert_eq!(answer_all(&mut cores[0], &post), 0, "nobody is asked if not all can be");
    assert!(post.borrow().gatherings.is_empty());
    assert_eq!(answer_all(&mut cores[1], &post), REQUESTS_PER_PAIR_MAX);
    receive(&post);
    assert!(post.borrow_mut().ask_cores(&Ask::Ping).is_some(), "late answers brought the credits back");
}

#[test]
fn questions_and_settings_arrive_and_mail_keeps_the_post_awake() {
    let (post, (mut cores, _owners)) = post_and_cores();
    let me = Address(2);
    let question = Question { id: 7, ask: Ask::ConfigRewrite(Arc::new(Users::new(b"", PubsubDefault::Resetchannels))) };
    assert!(cores[0].send(me, Mail::Ask(Box::new(question))).is_ok());
    assert!(cores[1].send_notice(me, Mail::Configured(Arc::default())).is_ok());
    let _ = post.borrow().mesh.post(me);
    assert!(!post.borrow_mut().park(), "there is mail");
    let arrivals = receive(&post);
    assert!(matches!(&arrivals[..], [Arrival::Question(from, question), Arrival::Configured(_)]
        if *from == Address(0) && question.id == 7));
    assert!(post.borrow_mut().park());
    post.borrow_mut().wake();
    post.borrow_mut().answer(Address(0), 7, Answer::Text(Ok(())));
    let mut answered = 0;
    let _ =
        cores[0].receive(1, |_, mail| answered += usize::from(matches!(mail, Mail::Answer(reply) if reply.id == 7)));
    assert_eq!(answered, 1);
}

#[test]
fn every_core_is_told_to_stop() {
    let (post, (mut cores, _owners)) = post_and_cores();
    post.borrow_mut().stop_all();
    for core in &mut cores[..2] {
        let mut stopped = false;
        let _ = core.receive(1, |_, mail| stopped = matches!(mail, Mail::Stop));
        assert!(stopped);
    }
}
