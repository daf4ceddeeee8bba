//! Who shares a page with whom, by what the thread of the page is given to do; here the test does its work.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use futures::poll;
use metrics::{Key, Label, Recorder};

use super::super::Page;
use super::super::renderer::{Job, MAX_WAITING_CHUNKS, NotRendered, Renderer};
use super::{Format, METADATA, key, store};
use crate::registry::{Readings, Store};

/// A page without a thread, and what its thread would do.
fn page_without_thread(store: &'static Store) -> (Page, Receiver<Job>) {
    let (renderer, jobs) = Renderer::new();
    (Page { store, native: false, readings: Readings::default(), renderer }, jobs)
}

/// Gauges in several families: more than fit into one chunk.
fn long() -> &'static Store {
    let store = Box::leak(Box::new(store()));
    for number in 0..20_000 {
        let labels = vec![Label::new("id", (number % 1000).to_string())];
        store.register_gauge(&Key::from_parts(format!("other_{}", number / 1000), labels), &METADATA).set(1.0);
    }
    store
}

fn render_next(page: &Page, jobs: &Receiver<Job>) {
    page.renderer.render(page, jobs.try_recv().unwrap());
}

#[tokio::test]
async fn all_who_ask_before_a_page_is_begun_share_it() {
    let store = Box::leak(Box::new(store()));
    let queue = store.register_gauge(&key("shop_queue", &[]), &METADATA);
    let (page, jobs) = page_without_thread(store);
    let readings = Arc::new(AtomicU64::new(0));
    let taken = readings.clone();
    page.before_render(Box::new(move || queue.set(1.0 + taken.fetch_add(1, Ordering::Relaxed) as f64)));
    let ask = |format| Box::pin(page.renderer.begin(format));
    let mut first: Vec<_> = (0..50).map(|_| ask(Format::Text)).collect();
    for asked in &mut first {
        assert!(poll!(asked.as_mut()).is_pending());
    }
    let mut other = ask(Format::OpenMetrics);
    assert!(poll!(other.as_mut()).is_pending());

    render_next(&page, &jobs);
    // Who asks now gets what happens now, even though the first have not fetched their page yet.
    let mut second = ask(Format::Text);
    assert!(poll!(second.as_mut()).is_pending());
    render_next(&page, &jobs);
    render_next(&page, &jobs);
    assert!(jobs.try_recv().is_err(), "more pages than formats were begun for those who asked at the same time");
    assert_eq!(readings.load(Ordering::Relaxed), 3);
    let begins_with = |(chunk, _): &(bytes::Bytes, _), value: &str| {
        let text = std::str::from_utf8(chunk).unwrap();
        assert!(text.contains(&format!("shop_queue {value}\n")), "{text}");
    };
    let mut addresses = Vec::new();
    for asked in first {
        let rendered = asked.await.unwrap();
        begins_with(&rendered, "1");
        addresses.push(rendered.0.as_ptr());
    }
    addresses.dedup();
    assert_eq!(addresses.len(), 1, "they share its memory, too");
    begins_with(&other.await.unwrap(), "2");
    begins_with(&second.await.unwrap(), "3");
}

#[tokio::test]
async fn a_page_that_nobody_waits_for_is_not_written() {
    let (page, jobs) = page_without_thread(Box::leak(Box::new(store())));
    let begun = Arc::new(AtomicU64::new(0));
    let count = begun.clone();
    page.before_render(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let mut gone = Box::pin(page.renderer.begin(Format::Text));
    assert!(poll!(gone.as_mut()).is_pending());
    drop(gone);
    render_next(&page, &jobs);
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    // Who asks afterwards gets a page, and so does one of two.
    let ask = || Box::pin(page.renderer.begin(Format::Text));
    let (mut gone, mut stays) = (ask(), ask());
    assert!(poll!(gone.as_mut()).is_pending() && poll!(stays.as_mut()).is_pending());
    drop(gone);
    render_next(&page, &jobs);
    assert!(stays.await.is_ok());
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn long_pages_are_refused_while_too_many_are_read() {
    let (page, jobs) = page_without_thread(long());
    let mut first = pin!(page.renderer.begin(Format::Text));
    assert!(poll!(first.as_mut()).is_pending());
    render_next(&page, &jobs);
    let (_, rendering) = first.await.unwrap();
    // Those that have not asked for their next chunk stand in nobody's way.
    let next_chunk = |_| Box::pin(page.renderer.next_chunk(rendering.clone()));
    let mut reading: Vec<Pin<Box<_>>> = (0..MAX_WAITING_CHUNKS).map(next_chunk).collect();
    let mut allowed = pin!(page.renderer.begin(Format::OpenMetrics));
    assert!(poll!(allowed.as_mut()).is_pending());
    render_next(&page, &jobs);
    assert!(allowed.await.is_ok());

    for next in &mut reading {
        assert!(poll!(next.as_mut()).is_pending());
    }
    let mut refused = pin!(page.renderer.begin(Format::Text));
    assert!(poll!(refused.as_mut()).is_pending());
    let mut waiting: Vec<Job> = jobs.try_iter().collect();
    page.renderer.render(&page, waiting.pop().unwrap());
    assert_eq!(refused.await.err(), Some(NotRendered::Busy));

    // One of them leaves, and costs nothing.
    drop(reading.pop());
    waiting.into_iter().for_each(|job| page.renderer.render(&page, job));
    for next in reading {
        assert!(next.await.is_some_and(|(chunk, _)| !chunk.is_empty()));
    }
    let mut again = pin!(page.renderer.begin(Format::Text));
    assert!(poll!(again.as_mut()).is_pending());
    render_next(&page, &jobs);
    assert!(again.await.is_ok());
}
