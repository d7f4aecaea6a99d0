//! Books in which one thing is wrong, and books in which nothing is.

mod wires;

use super::*;
use crate::book::{Exit, Topic};

/// Two clients that have come, 0 and 1; 2 never comes.
fn book() -> Book {
    let mut book = Book::new(3);
    for who in [0, 1] {
        book.enter(who);
        book.came(who, 0);
    }
    book
}

fn ask(book: &mut Book, from: usize, topic: Topic, way: Way) -> Letter {
    book.ask(from, topic, way)
}

/// Client 0 publishes to everybody, and is answered.
fn bar(book: &mut Book) -> Letter {
    let letter = ask(book, 0, Topic::Bar, Way::Everybody);
    book.promise(letter, None);
    letter
}

/// Client 0 has something kept, at an offset.
fn keep(book: &mut Book, offset: u64) -> Letter {
    let letter = ask(book, 0, Topic::Baz, Way::Away);
    book.promise(letter, Some((7, offset)));
    letter
}

fn got(book: &mut Book, who: usize, life: u32, letters: &[Letter]) {
    for letter in letters {
        let topic = book.sent(*letter).unwrap().topic;
        book.got(who, life, topic, &letter.to_string());
    }
}

/// Client 1 leaves and comes back.
fn again(book: &mut Book, life: u32, how: Exit) {
    goes(book, life - 1, how);
    comes(book, life);
}

fn goes(book: &mut Book, life: u32, how: Exit) {
    book.exit(1);
    book.left(1, life, how);
}

fn comes(book: &mut Book, life: u32) {
    book.enter(1);
    book.came(1, life);
}

fn kill(book: &mut Book) {
    let from = book.stamp();
    book.killed(from);
}

/// Lost, twice, out of order.
fn counts(book: &Book) -> (usize, usize, usize) {
    let verdict = judge(book);
    assert!(book.strange.is_empty(), "{:?}", book.strange);
    (
        verdict.lost.len(),
        verdict.twice.len(),
        verdict.disorder.len(),
    )
}

#[test]
fn what_everybody_got_once_and_in_order_is_well() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &letters);
    assert_eq!(counts(&book), (0, 0, 0));
    assert!(judge(&book).is_clean());
}

#[test]
fn a_promised_message_that_one_client_did_not_get_is_lost() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &[letters[0], letters[2]]);
    assert_eq!(counts(&book), (1, 0, 0));
    assert!(judge(&book).lost[0].starts_with("client 1 never got 0.1 of 'bar'"));
}

#[test]
fn who_comes_later_is_not_owed_what_was_asked_before() {
    let mut book = book();
    let early = bar(&mut book);
    book.enter(2);
    book.came(2, 0);
    let late = bar(&mut book);
    for who in [0, 1] {
        got(&mut book, who, 0, &[early, late]);
    }
    assert_eq!(counts(&book), (1, 0, 0));
    got(&mut book, 2, 0, &[late]);
    assert_eq!(counts(&book), (0, 0, 0));
}

#[test]
fn a_call_without_an_answer_may_have_done_nothing() {
    let mut book = book();
    ask(&mut book, 0, Topic::Bar, Way::Everybody);
    ask(&mut book, 0, Topic::Baz, Way::Away);
    assert_eq!(counts(&book), (0, 0, 0));
    assert_eq!(judge(&book).unsure, 0);
}

#[test]
fn a_call_without_an_answer_may_have_done_its_work_and_then_for_everybody() {
    let mut book = book();
    let letter = ask(&mut book, 0, Topic::Bar, Way::Everybody);
    got(&mut book, 0, 0, &[letter]);
    // It was on the disk when one got it.
    assert_eq!(counts(&book), (1, 0, 0));
    got(&mut book, 1, 0, &[letter]);
    assert_eq!(counts(&book), (0, 0, 0));
    assert_eq!(judge(&book).unsure, 1);
}

#[test]
fn what_is_kept_is_owed_to_those_who_were_away_all_the_while() {
    let mut book = book();
    let there = keep(&mut book, 1);
    let leaving = ask(&mut book, 0, Topic::Baz, Way::Away);
    goes(&mut book, 0, Exit::Cut);
    book.promise(leaving, Some((7, 2)));
    let away = keep(&mut book, 3);
    let coming = ask(&mut book, 0, Topic::Baz, Way::Away);
    comes(&mut book, 1);
    book.promise(coming, Some((7, 4)));
    assert_eq!(counts(&book), (1, 0, 0));
    assert!(judge(&book).lost[0].contains("0.2 of 'baz'"));
    // The others may come.
    got(&mut book, 1, 1, &[leaving, away, coming]);
    assert_eq!(counts(&book), (0, 0, 0));
    let _ = there;
}

#[test]
fn twice_in_one_life_is_twice_whatever_was_killed() {
    let mut book = book();
    let letter = bar(&mut book);
    got(&mut book, 0, 0, &[letter]);
    got(&mut book, 1, 0, &[letter]);
    kill(&mut book);
    got(&mut book, 1, 0, &[letter]);
    assert_eq!(counts(&book), (0, 1, 0));
    got(&mut book, 1, 0, &[letter]);
    assert_eq!(counts(&book), (0, 2, 0));
}

#[test]
fn what_nothing_proved_may_come_again_in_a_later_life() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &letters);
    again(&mut book, 1, Exit::Reset);
    got(&mut book, 1, 1, &letters);
    assert_eq!(counts(&book), (0, 0, 0));
    assert_eq!(judge(&book).repeats, 2);
}

#[test]
fn what_a_goodbye_proved_may_not_come_again() {
    for (killed, twice) in [(false, 1), (true, 0)] {
        let mut book = book();
        let letter = bar(&mut book);
        got(&mut book, 0, 0, &[letter]);
        got(&mut book, 1, 0, &[letter]);
        goes(&mut book, 0, Exit::Closed);
        if killed {
            // Before it had that on the disk, perhaps.
            kill(&mut book);
        }
        comes(&mut book, 1);
        got(&mut book, 1, 1, &[letter]);
        assert_eq!(counts(&book), (0, twice, 0), "killed: {killed}");
    }
}

#[test]
fn a_proof_that_was_written_down_outlives_the_server() {
    let mut book = book();
    let letter = bar(&mut book);
    got(&mut book, 0, 0, &[letter]);
    got(&mut book, 1, 0, &[letter]);
    again(&mut book, 1, Exit::Closed);
    kill(&mut book);
    again(&mut book, 2, Exit::Silent);
    got(&mut book, 1, 2, &[letter]);
    assert_eq!(counts(&book), (0, 1, 0));
}

#[test]
fn a_swapped_pair_of_one_publisher_is_out_of_order() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &[letters[1], letters[0]]);
    assert_eq!(counts(&book), (0, 0, 1));
}

#[test]
fn two_publishers_come_in_one_order_to_all() {
    let mut book = book();
    let own = ask(&mut book, 0, Topic::Bar, Way::Everybody);
    let other = ask(&mut book, 1, Topic::Bar, Way::Everybody);
    book.promise(own, None);
    book.promise(other, None);
    got(&mut book, 0, 0, &[other, own]);
    assert_eq!(counts(&book).2, 0);
    got(&mut book, 1, 0, &[own, other]);
    assert_eq!(counts(&book), (0, 0, 1));
}

#[test]
fn a_life_has_an_order_of_its_own_and_nothing_comes_late() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &letters[..2]);
    again(&mut book, 1, Exit::Cut);
    got(&mut book, 1, 1, &letters);
    assert_eq!(counts(&book), (0, 0, 0));
    let late = bar(&mut book);
    let young = bar(&mut book);
    got(&mut book, 0, 0, &[late, young]);
    got(&mut book, 1, 1, &[young]);
    again(&mut book, 2, Exit::Cut);
    got(&mut book, 1, 2, &[late]);
    assert_eq!(counts(&book), (0, 0, 1));
}

#[test]
fn an_unsure_message_has_no_place_in_its_publishers_order_but_after_what_was_promised() {
    let mut book = book();
    let before = bar(&mut book);
    let unsure = ask(&mut book, 0, Topic::Bar, Way::Everybody);
    let after = bar(&mut book);
    for who in [0, 1] {
        got(&mut book, who, 0, &[before, after, unsure]);
    }
    assert_eq!(counts(&book), (0, 0, 0));
    let mut book = self::book();
    let before = bar(&mut book);
    let unsure = ask(&mut book, 0, Topic::Bar, Way::Everybody);
    for who in [0, 1] {
        got(&mut book, who, 0, &[unsure, before]);
    }
    assert_eq!(counts(&book), (0, 0, 1));
}

#[test]
fn offsets_rise_and_their_epoch_stays() {
    let mut book = book();
    goes(&mut book, 0, Exit::Cut);
    let letters = [keep(&mut book, 1), keep(&mut book, 2)];
    comes(&mut book, 1);
    got(&mut book, 1, 1, &letters);
    assert_eq!(counts(&book), (0, 0, 0));
    keep(&mut book, 2);
    assert_eq!(counts(&book), (0, 0, 1));
    let last = ask(&mut book, 0, Topic::Baz, Way::Away);
    book.promise(last, Some((8, 1)));
    assert_eq!(counts(&book), (0, 0, 2));
}

#[test]
fn what_was_on_its_way_to_a_client_that_closed_is_let_go_and_nothing_before_it() {
    let mut book = book();
    let letters = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &[letters[0]]);
    goes(&mut book, 0, Exit::Closed);
    assert_eq!(counts(&book), (0, 0, 0));
    assert_eq!(judge(&book).let_go, 2);
    // What is asked afterwards is owed.
    let later = bar(&mut book);
    got(&mut book, 0, 0, &[later]);
    assert_eq!(counts(&book), (1, 0, 0));
    let mut book = self::book();
    let letters = [bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &[letters[1]]);
    goes(&mut book, 0, Exit::Closed);
    assert_eq!(counts(&book), (1, 0, 0));
    // Nobody lets go whose network was cut.
    let mut book = self::book();
    let letter = bar(&mut book);
    got(&mut book, 0, 0, &[letter]);
    goes(&mut book, 0, Exit::Cut);
    assert_eq!(counts(&book), (1, 0, 0));
}

#[test]
fn what_nobody_sent_is_strange() {
    let mut book = book();
    let letter = bar(&mut book);
    book.got(1, 0, Topic::Bar, "0.1");
    book.got(1, 0, Topic::Bar, "hello");
    book.got(1, 0, Topic::Baz, &letter.to_string());
    assert_eq!(book.strange.len(), 3);
    assert_eq!(book.received, 0);
}
