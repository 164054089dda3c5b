//! Looking for words: any script, any query.

use commonplace_store::{PageProjection, Projection};
use proptest::prelude::*;

use crate::writing::{list, page, page_id, profile};

#[test]
fn pages_are_found_in_any_script() {
    let (_dir, mut store, commons) = profile();
    let texts = [
        (1, "Kettle", "Descale it with vinegar once a month."),
        (2, "茶の入れ方", "お湯を沸かして、茶葉を入れます。"),
        (3, "泡茶", "先把水烧开，然后放入茶叶。"),
        (4, "شاي", "اِغْلِ الماء ثم أضف الشاي"),
        (5, "Чайник", "Вскипятите воду в чайнике."),
        (6, "ชา", "ต้มน้ำให้เดือดแล้วใส่ใบชา"),
        (7, "चाय", "पानी उबालें और चाय डालें"),
        (8, "Crème brûlée", "Sucre à brûler"),
    ];
    for (n, title, text) in texts {
        list(&mut store, commons, page_id(n), page(title, "", text));
    }
    for (query, n) in [
        ("vinegar", 1),
        ("VINE", 1),
        ("month descale", 1),
        ("沸かして", 2),
        ("茶葉", 2),
        ("烧开", 3),
        ("اغل الماء", 4),
        ("водУ", 5),
        ("น้ำ", 6),
        ("उबालें", 7),
        ("creme bruler", 8),
    ] {
        let hits = store.search(commons, query, 10).expect("finds");
        assert_eq!(hits.iter().map(|hit| hit.row.id).collect::<Vec<_>>(), vec![page_id(n)], "{query}");
        assert!(hits[0].snippet.iter().any(|(_, hit)| *hit), "{query}: {:?}", hits[0].snippet);
    }
    assert!(store.search(commons, "vinegar teapot", 10).expect("finds").is_empty());
    assert!(store.search(commons, "開烧", 10).expect("finds").is_empty(), "the order of characters counts");
}

#[test]
fn a_title_weighs_more_than_a_text() {
    let (_dir, mut store, commons) = profile();
    for n in 0..20 {
        list(
            &mut store,
            commons,
            page_id(n),
            page(&format!("Page {n}"), "", "tea and tea and more words about other things"),
        );
    }
    list(&mut store, commons, page_id(30), page("Tea", "", "A drink."));
    let hits = store.search(commons, "tea", 5).expect("finds");
    assert_eq!((hits.len(), hits[0].row.id), (5, page_id(30)));
    assert_eq!(hits[0].snippet, vec![("A drink.".to_owned(), false)]);
}

#[test]
fn what_changed_or_was_deleted_is_found_as_it_is_now() {
    let (_dir, mut store, commons) = profile();
    list(&mut store, commons, page_id(1), page("Old name", "", "vinegar"));
    list(&mut store, commons, page_id(1), page("Old name", "", "lemon"));
    let found = |store: &commonplace_store::Store, word: &str| store.search(commons, word, 10).expect("finds").len();
    assert_eq!((found(&store, "vinegar"), found(&store, "lemon"), found(&store, "old")), (0, 1, 1));
    let renamed = PageProjection { title: "New name".to_owned(), ..Default::default() };
    list(&mut store, commons, page_id(1), Projection::Page(renamed.clone()));
    assert_eq!((found(&store, "lemon"), found(&store, "old"), found(&store, "new")), (1, 0, 1));
    list(&mut store, commons, page_id(1), Projection::Page(PageProjection { deleted: true, ..renamed }));
    assert_eq!(found(&store, "lemon"), 0);
    assert_eq!(store.page_text(commons, page_id(1)).expect("reads").as_deref(), Some("lemon"));
}

/// Texts of many scripts, with marks, signs and odd spaces.
fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9_.'\"*-]{1,9}( [a-zéüßİΣς]{1,9}){0,9}",
        "[ぁ-んア-ン一-龥ｱ-ﾝﾞﾟ々ー]{1,20}",
        "[ก-๛ ]{1,20}",
        "[\u{0905}-\u{0963}a ]{1,20}",
        "[\u{0621}-\u{0652} \u{05d0}-\u{05ea}\u{05b0}-\u{05bc}]{1,20}",
        "[가-힣\u{1100}-\u{1112}\u{1161}-\u{1175}\u{11a8}-\u{11c2} ]{1,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_word_of_any_text_is_found(texts in prop::collection::vec(a_text(), 1..4)) {
        let (_dir, mut store, commons) = profile();
        for (n, text) in (0..).zip(&texts) {
            list(&mut store, commons, page_id(n), page("Title", "", text));
        }
        for (n, text) in (0..).zip(&texts) {
            for word in text.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)) {
                let hits = store.search(commons, word, 10).expect("any text is a query");
                let hit = hits.iter().find(|hit| hit.row.id == page_id(n));
                // Letters that are left out when they stand alone, such as a vowel point, are no word.
                if hit.is_none() {
                    prop_assert!(store.search(commons, &format!("title {word}"), 10).expect("finds").len() == texts.len(),
                        "{word:?} of {text:?}");
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_query(query: String) {
        let (_dir, mut store, commons) = profile();
        list(&mut store, commons, page_id(1), page("Title", "", "text"));
        store.search(commons, &query, 10).expect("any text is a query");
        store.find_pages(commons, &query).expect("any text is a reference");
    }
}
