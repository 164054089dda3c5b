//! What members say: tags with their counts, and profiles.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{MemberId, Statement};
use commonplace_store::{PageProjection, PageQuery, Projection};
use proptest::prelude::*;

use crate::writing::{Member, list, page, page_id, profile};

fn tag(n: u32, word: &str) -> Statement {
    Statement::Tag { page: page_id(n), tag: word.parse().expect("a tag") }
}

#[derive(Debug, Clone)]
enum Step {
    Say { member: u8, page: u32, word: &'static str, whole: bool },
    Unsay { member: u8, page: u32, word: &'static str, whole: bool },
    Page { page: u32, deleted: bool },
}

fn a_step() -> impl Strategy<Value = Step> {
    let word = prop::sample::select(vec!["wet", "dry", "水"]);
    prop_oneof![
        3 => (1_u8..4, 0_u32..4, word.clone(), any::<bool>())
            .prop_map(|(member, page, word, whole)| Step::Say { member, page, word, whole }),
        2 => (1_u8..4, 0_u32..4, word, any::<bool>())
            .prop_map(|(member, page, word, whole)| Step::Unsay { member, page, word, whole }),
        2 => (0_u32..4, any::<bool>()).prop_map(|(page, deleted)| Step::Page { page, deleted }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn counts_are_what_counting_gives(steps in prop::collection::vec(a_step(), 0..40)) {
        let (_dir, mut store, commons) = profile();
        let mut members: Vec<_> = (1..4).map(|n| Member::new(n, commons)).collect();
        let mut said: BTreeSet<(String, u32, u8)> = BTreeSet::new();
        let mut live: BTreeMap<u32, bool> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Say { member, page, word, whole } => {
                    let who = &mut members[usize::from(member) - 1];
                    let statement = [tag(page, word)];
                    if whole { who.say_whole(&mut store, &statement, &[]) } else { who.say(&mut store, &statement, &[]) }
                    said.insert((word.to_owned(), page, member));
                }
                Step::Unsay { member, page, word, whole } => {
                    let who = &mut members[usize::from(member) - 1];
                    let statement = [tag(page, word)];
                    if whole { who.say_whole(&mut store, &[], &statement) } else { who.say(&mut store, &[], &statement) }
                    said.remove(&(word.to_owned(), page, member));
                }
                Step::Page { page, deleted } => {
                    let projection = PageProjection { title: "T".to_owned(), deleted, ..Default::default() };
                    list(&mut store, commons, page_id(page), Projection::Page(projection));
                    live.insert(page, !deleted);
                }
            }
        }
        let is_live = |page: &u32| live.get(page).copied().unwrap_or(false);
        let words: BTreeSet<_> = said.iter().map(|(word, ..)| word.clone()).collect();
        let mut expected = BTreeMap::new();
        for word in words {
            let of: Vec<_> = said.iter().filter(|s| s.0 == word).collect();
            let pages = of.iter().filter(|s| is_live(&s.1)).map(|s| s.1).collect::<BTreeSet<_>>().len() as u64;
            let members = of.iter().map(|s| s.2).collect::<BTreeSet<_>>().len() as u64;
            let mine = said.iter().any(|s| s.0 == word && s.2 == 1);
            if pages > 0 {
                expected.insert(word, (pages, members, mine));
            }
        }
        let tags = store.tags(commons, members[0].id).expect("reads");
        for row in &tags {
            let query = PageQuery { tag: Some(row.tag.to_string()), ..Default::default() };
            prop_assert_eq!(store.page_list(commons, &query).expect("reads").0, row.pages);
        }
        let listed: BTreeMap<_, _> = tags.into_iter().map(|t| (t.tag.to_string(), (t.pages, t.members, t.mine))).collect();
        prop_assert_eq!(store.counts(commons).expect("reads").tags, listed.len() as u64);
        prop_assert_eq!(listed, expected);
        for page in 0..4 {
            let of: Vec<_> = store.page_tags(commons, page_id(page)).expect("reads").iter().map(ToString::to_string).collect();
            let all: BTreeSet<_> = said.iter().filter(|s| s.1 == page).map(|s| s.0.clone()).collect();
            prop_assert_eq!(of, all.into_iter().collect::<Vec<_>>());
        }
        let tagged = store.tagged(commons).expect("reads");
        for (n, member) in (1_u8..).zip(&members) {
            let pages: BTreeSet<_> = said.iter().filter(|s| s.2 == n).map(|s| s.1).collect();
            prop_assert_eq!(tagged.get(&member.id).copied().unwrap_or(0), pages.len() as u64);
        }
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    }
}

#[test]
fn a_member_may_give_themselves_another_name() {
    let (_dir, mut store, commons) = profile();
    let mut member = Member::new(4, commons);
    assert_eq!(store.profile_of(commons, member.id).expect("reads"), None);
    let named = |name: &str| Statement::Profile { name: name.to_owned(), ink: 3 };
    member.say(&mut store, &[named("Maren")], &[]);
    member.say(&mut store, &[named("Maren K.")], &[]);
    assert_eq!(store.profile_of(commons, member.id).expect("reads"), Some(("Maren K.".to_owned(), 3)));
    member.say(&mut store, &[], &[named("")]);
    assert_eq!(store.profile_of(commons, member.id).expect("reads"), None);
    assert_eq!(store.profile_of(commons, MemberId::new([77; 32])).expect("reads"), None);
}

#[test]
fn a_page_that_comes_after_its_tags_is_counted() {
    let (_dir, mut store, commons) = profile();
    let mut member = Member::new(4, commons);
    member.say(&mut store, &[tag(1, "wet")], &[]);
    assert_eq!(store.tags(commons, member.id).expect("reads"), vec![]);
    assert_eq!(store.digests(commons).expect("reads").len(), 1, "a page that is only spoken of is no document yet");
    list(&mut store, commons, page_id(1), page("T", "", ""));
    assert_eq!(store.tags(commons, member.id).expect("reads")[0].pages, 1);
}
