//! Questions of the bus to all cores.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use glommio::GlommioError;
use glommio::timer::timeout;
use shard::ask::Ask;

use crate::post::{Answers, Post};
use shard::ask::Answer;

/// The answers of all cores; none if they take longer than this or have too many questions already.
pub(super) async fn ask_cores(post: &Rc<RefCell<Post>>, ask: Ask, limit: Duration) -> Option<Vec<Answer>> {
    let id = post.borrow_mut().ask_cores(&ask)?;
    let answers = Answers::new(post.clone(), id);
    timeout(limit, async { Ok::<_, GlommioError<()>>(answers.await) }).await.ok()
}
