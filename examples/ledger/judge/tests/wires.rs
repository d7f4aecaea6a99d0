//! What each wire may lose and repeat.

use super::*;
use crate::wire::Wire;

/// Client 1 had a life 0 on this wire; it ended like this after the first of three messages, the third comes in life 1.
fn cut_short(wire: Wire, how: Exit) -> (Book, [Letter; 3]) {
    let mut book = book();
    book.rides(1, 0, wire);
    let letters = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 0, 0, &letters);
    got(&mut book, 1, 0, &letters[..1]);
    again(&mut book, 1, how);
    got(&mut book, 1, 1, &letters[2..]);
    (book, letters)
}

#[test]
fn what_was_on_its_way_may_be_let_go_by_a_goodbye_or_where_nothing_can_be_acknowledged() {
    for (wire, how, lost) in [
        (Wire::WebSockets, Exit::Closed, 0),
        (Wire::WebSockets, Exit::Cut, 1),
        (Wire::LongPolling, Exit::Closed, 0),
        (Wire::LongPolling, Exit::Cut, 1),
        (Wire::ServerSentEvents, Exit::Closed, 0),
        (Wire::ServerSentEvents, Exit::Silent, 0),
        (Wire::Text, Exit::Closed, 1),
        (Wire::Text, Exit::Cut, 1),
        (Wire::Packets, Exit::Closed, 1),
        (Wire::Packets, Exit::Silent, 1),
    ] {
        let (book, _) = cut_short(wire, how);
        assert_eq!(counts(&book), (lost, 0, 0), "{wire:?} {how:?}");
    }
}

#[test]
fn what_is_flushed_to_a_dead_stream_may_be_gone_but_nothing_from_the_middle() {
    let mut book = book();
    book.rides(1, 0, Wire::ServerSentEvents);
    let first = [bar(&mut book), bar(&mut book), bar(&mut book)];
    got(&mut book, 1, 0, &[first[0], first[2]]);
    goes(&mut book, 0, Exit::Silent);
    let meanwhile = bar(&mut book);
    comes(&mut book, 1);
    let last = bar(&mut book);
    got(
        &mut book,
        0,
        0,
        &[first[0], first[1], first[2], meanwhile, last],
    );
    got(&mut book, 1, 1, &[last]);
    // The second is lost, the fourth is not, and what came after the return would be.
    assert_eq!(counts(&book), (1, 0, 0));
    assert!(judge(&book).lost[0].starts_with("client 1 never got 0.1 of"));
}

#[test]
fn what_the_server_has_shown_to_know_does_not_come_again_unless_it_died_since() {
    for (proof, killed, twice) in [(true, false, 1), (false, false, 0), (true, true, 0)] {
        let mut book = book();
        book.rides(1, 0, Wire::Text);
        let letter = bar(&mut book);
        got(&mut book, 0, 0, &[letter]);
        got(&mut book, 1, 0, &[letter]);
        if proof {
            let upto = book.stamp();
            book.proven(1, 0, upto);
        }
        if killed {
            kill(&mut book);
        }
        again(&mut book, 1, Exit::Cut);
        got(&mut book, 1, 1, &[letter]);
        assert_eq!(counts(&book), (0, twice, 0), "{proof} {killed}");
    }
    let mut book = book();
    book.rides(1, 0, Wire::Text);
    let upto = book.stamp();
    book.proven(1, 0, upto);
    let letter = bar(&mut book);
    got(&mut book, 0, 0, &[letter]);
    got(&mut book, 1, 0, &[letter]);
    again(&mut book, 1, Exit::Cut);
    got(&mut book, 1, 1, &[letter]);
    assert_eq!(
        counts(&book),
        (0, 0, 0),
        "a proof is of what came before it"
    );
}
