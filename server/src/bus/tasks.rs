//! Tasks of the bus thread.

/// Starts a task, but not at once: glommio would run it up to its first wait inside this call, and whoever calls has the bus borrowed.
pub(super) fn spawn(task: impl Future<Output = ()> + 'static) {
    let later = async {
        futures_lite::future::yield_now().await;
        task.await;
    };
    glommio::spawn_local(later).detach();
}
