//! What keys and news make of the screen.

use super::*;
use crate::commands::samples;
use crate::controller::api::Action;
use crate::controller::api::{ErrorCode, SignalRequest};
use crate::view::top::sample::{model, picture};

fn press(model: &mut Model, keys: impl IntoIterator<Item = Key>) -> Option<Act> {
    keys.into_iter().map(|key| model.update(Event::Key(key))).last().flatten()
}

/// The request that an act asks.
fn request(act: Option<Act>) -> Request {
    match act {
        Some(Act::Ask(_, request)) => *request,
        other => panic!("nothing asked: {other:?}"),
    }
}

fn selected(model: &Model) -> u32 {
    model.selected().unwrap().id.0
}

#[test]
fn keys_go_through_jobs_and_stop_at_the_ends() {
    let mut model = model();
    assert_eq!(selected(&model), 12);
    for (key, expected) in [
        (Key::Up, 12),
        (Key::Down, 13),
        (Key::Char('j'), 11),
        (Key::PageDown, 11),
        (Key::Char('k'), 13),
        (Key::First, 12),
        (Key::Char('G'), 11),
        (Key::PageUp, 12),
    ] {
        press(&mut model, [key]);
        assert_eq!(selected(&model), expected, "{key:?}");
    }
}

#[test]
fn the_selection_stays_with_its_job_and_then_with_its_place() {
    let mut model = model();
    press(&mut model, [Key::Down]);
    let mut moved = picture();
    moved.jobs.insert(0, samples::running(10));
    model.update(Event::Picture(Box::new(moved.clone())));
    assert_eq!((selected(&model), model.selected_at()), (13, Some(2)));
    moved.jobs.remove(2);
    model.update(Event::Picture(Box::new(moved.clone())));
    assert_eq!(selected(&model), 11, "what stands there now");
    moved.jobs.clear();
    model.update(Event::Picture(Box::new(moved)));
    assert!(model.selected().is_none());
    assert!(press(&mut model, [Key::Down, Key::Char('h'), Key::Char('c'), Key::Enter]).is_none());
    model.update(Event::Picture(Box::new(picture())));
    assert_eq!(selected(&model), 12);
}

#[test]
fn panes_take_turns_and_each_has_a_selection_of_its_own() {
    let mut model = model();
    press(&mut model, [Key::Next, Key::Down, Key::Down]);
    assert_eq!((model.pane, model.rank, selected(&model)), (Pane::Ranks, 2, 12));
    press(&mut model, [Key::Last]);
    assert_eq!(model.rank, 4, "two steps and three ranks");
    press(&mut model, [Key::Next, Key::Down]);
    assert_eq!((model.pane, model.node), (Pane::Nodes, 1));
    press(&mut model, [Key::Previous, Key::Previous, Key::Down]);
    assert_eq!((model.pane, selected(&model), model.rank), (Pane::Jobs, 13, 0));
}

#[test]
fn jobs_are_held_and_released_by_the_name_that_users_give_them() {
    let mut model = model();
    match request(press(&mut model, [Key::Down, Key::Char('h')])) {
        Request::Act { job, action } => {
            assert_eq!((job.job, job.elements, action), (JobId(13), None, Action::Hold));
        }
        other => panic!("{other:?}"),
    }
    let mut arrays = picture();
    arrays.jobs = vec![samples::element(21, 20, 3), samples::pending_array(20, &[4, 5], None)];
    model.update(Event::Picture(Box::new(arrays)));
    for (key, elements) in [(Key::First, vec![3]), (Key::Last, vec![4, 5])] {
        match request(press(&mut model, [key, Key::Char('r')])) {
            Request::Act { job, action: Action::Release } => {
                assert_eq!((job.job, job.elements), (JobId(20), Some(elements)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_a_yes_cancels() {
    let mut model = model();
    for no in [Key::Char('n'), Key::Back, Key::Enter, Key::Char('q')] {
        assert!(press(&mut model, [Key::Char('c'), no]).is_none());
        assert!(matches!(model.overlay, Overlay::None), "{no:?}");
    }
    press(&mut model, [Key::Char('c')]);
    match &model.overlay {
        Overlay::Question(verb) => assert_eq!(verb.question(), "cancel job 12? y/n"),
        other => panic!("{other:?}"),
    }
    match request(press(&mut model, [Key::Char('y')])) {
        Request::Signal(SignalRequest { jobs, step: None, signal: None, .. }) => {
            assert_eq!(jobs[0].job, JobId(12));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_is_about_the_job_that_it_was_asked_of() {
    let mut model = model();
    press(&mut model, [Key::Char('c')]);
    let mut moved = picture();
    moved.jobs.remove(0);
    model.update(Event::Picture(Box::new(moved)));
    match request(press(&mut model, [Key::Char('y')])) {
        Request::Signal(SignalRequest { jobs, .. }) => assert_eq!(jobs[0].job, JobId(12)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn among_ranks_it_is_the_step_that_is_cancelled_and_followed() {
    let mut model = model();
    press(&mut model, [Key::Next, Key::Last, Key::Char('c')]);
    match request(press(&mut model, [Key::Char('y')])) {
        Request::Signal(SignalRequest { step, .. }) => assert_eq!(step.map(|step| step.0), Some(0)),
        other => panic!("{other:?}"),
    }
    match press(&mut model, [Key::Enter]) {
        Some(Act::Follow(Source::Step(key))) => assert_eq!(key.to_string(), "12.0"),
        other => panic!("{other:?}"),
    }
    press(&mut model, [Key::Back, Key::First]);
    let script = press(&mut model, [Key::Enter]);
    assert!(matches!(script, Some(Act::Follow(Source::File(path))) if path == "/tmp/w/o.txt"));
}

#[test]
fn a_job_without_a_file_is_followed_where_its_output_is() {
    let mut model = model();
    let mut news = picture();
    news.jobs[0].stdout = String::new();
    news.jobs[1].batch = false;
    model.update(Event::Picture(Box::new(news.clone())));
    match press(&mut model, [Key::Enter]) {
        Some(Act::Follow(Source::Step(key))) => assert!(key.step.is_batch()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(press(&mut model, [Key::Back]), Some(Act::Unfollow)));
    assert!(press(&mut model, [Key::Down, Key::Enter]).is_none());
    assert_eq!(model.notice.as_deref(), Some("job 13 has no output that could be followed"));
    news.jobs[0].batch = false;
    model.update(Event::Picture(Box::new(news)));
    match press(&mut model, [Key::Up, Key::Enter]) {
        Some(Act::Follow(Source::Step(key))) => assert_eq!(key.to_string(), "12.0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_became_of_a_request_is_said_until_the_next_key() {
    let mut model = model();
    let verb = || Verb::hold(&samples::running(12));
    for (answer, expected) in [
        (Ok(Reply::Done), "job 12 is held"),
        (Ok(Reply::Error(ErrorCode::NotPending.into())), "cannot hold job 12: "),
        (Ok(Reply::Signalled(vec![("12".to_owned(), Some(ErrorCode::AlreadyDone))])), "cannot hold job 12: "),
        (Err("lost the controller".to_owned()), "cannot hold job 12: lost the controller"),
    ] {
        model.update(Event::Answered(verb(), answer));
        assert!(model.notice.as_deref().unwrap().starts_with(expected), "{:?}", model.notice);
    }
    press(&mut model, [Key::Up]);
    assert_eq!(model.notice, None);
}

#[test]
fn help_goes_with_any_key_and_leaving_is_always_possible() {
    let mut model = model();
    assert!(press(&mut model, [Key::Char('?'), Key::Char('q')]).is_none());
    assert!(matches!(model.overlay, Overlay::None));
    assert!(matches!(press(&mut model, [Key::Char('q')]), Some(Act::Quit)));
    for over in [Key::Char('?'), Key::Char('c'), Key::Enter] {
        assert!(matches!(press(&mut model, [over, Key::Interrupt]), Some(Act::Quit)));
    }
}
