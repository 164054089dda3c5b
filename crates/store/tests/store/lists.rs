//! Lists of pages, and finding a page by what it is called.

use std::collections::BTreeMap;

use commonplace_model::{CommonsId, PageId};
use commonplace_store::{PageProjection, PageQuery, PageRow, Projection, Store};
use proptest::prelude::*;

use crate::writing::{list, page, page_id, profile};

fn put(store: &mut Store, commons: CommonsId, id: PageId, row: &PageRow) {
    let projection = PageProjection {
        title: row.title.clone(),
        folder: row.folder.clone(),
        deleted: row.deleted,
        text: None,
        changed_at: Some(row.changed_at),
    };
    list(store, commons, id, Projection::Page(projection));
}

fn paged(store: &Store, commons: CommonsId, query: &PageQuery, step: u32) -> Vec<PageRow> {
    let (mut rows, mut offset) = (Vec::new(), 0);
    loop {
        let (total, part) =
            store.page_list(commons, &PageQuery { offset, limit: step, ..query.clone() }).expect("reads");
        offset += step;
        let end = part.is_empty();
        rows.extend(part);
        if end {
            assert_eq!(total, rows.len() as u64);
            return rows;
        }
    }
}

fn wanted(query: &PageQuery, row: &PageRow) -> bool {
    let low = |text: &str| text.to_lowercase().replace('é', "e");
    row.deleted == query.deleted
        && query
            .folder
            .as_ref()
            .is_none_or(|f| f.is_empty() || row.folder == *f || row.folder.starts_with(&format!("{f}/")))
        && query.filter.as_ref().is_none_or(|f| low(&row.title).contains(&low(f)) || low(&row.folder).contains(&low(f)))
}

fn a_row() -> impl Strategy<Value = (u32, PageRow)> {
    (0_u32..40, "[aAbBéÉ水 ]{1,3}", "(a|a/b|a b|A|水)?", 0_u64..50, any::<bool>()).prop_map(
        |(n, title, folder, changed_at, deleted)| (n, PageRow { id: page_id(n), title, folder, changed_at, deleted }),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pages_of_a_list_are_the_whole_list_in_order(
        rows in prop::collection::vec(a_row(), 0..60),
        folder in prop::option::of("(|a|a/b|水|none)"),
        filter in prop::option::of("[aéB水]{1,2}"),
        lately: bool, deleted: bool, step in 1_u32..20,
    ) {
        let (_dir, mut store, commons) = profile();
        let mut kept: BTreeMap<u32, PageRow> = BTreeMap::new();
        for (n, row) in &rows {
            put(&mut store, commons, page_id(*n), row);
            kept.insert(*n, row.clone());
        }
        let query = PageQuery { folder, filter, lately, deleted, ..Default::default() };
        let listed = paged(&store, commons, &query, step);
        let mut expected: Vec<PageRow> = kept.values().filter(|row| wanted(&query, row)).cloned().collect();
        let in_order = |a: &PageRow, b: &PageRow| {
            let low = |row: &PageRow| row.title.to_lowercase().replace('é', "e");
            if lately { a.changed_at >= b.changed_at } else { low(a) <= low(b) }
        };
        prop_assert!(listed.windows(2).all(|pair| in_order(&pair[0], &pair[1])), "{:?}", listed);
        let mut sorted = listed.clone();
        sorted.sort_by_key(|row| row.id);
        expected.sort_by_key(|row| row.id);
        prop_assert_eq!(sorted, expected);
        prop_assert_eq!(store.counts(commons).expect("reads").pages, kept.values().filter(|row| !row.deleted).count() as u64);
    }
}

#[test]
fn a_page_is_found_by_id_name_title_and_the_beginning_of_its_id() {
    let (_dir, mut store, commons) = profile();
    list(&mut store, commons, page_id(1), page("Kettle", "", ""));
    list(&mut store, commons, page_id(2), page("Kettle", "kitchen", ""));
    list(&mut store, commons, page_id(3), page("Café", "kitchen/old", ""));
    let gone =
        PageProjection { title: "Pan".to_owned(), folder: "kitchen".to_owned(), deleted: true, ..Default::default() };
    list(&mut store, commons, page_id(4), Projection::Page(gone));
    let found = |reference: &str| -> Vec<PageId> {
        store.find_pages(commons, reference).expect("reads").into_iter().map(|row| row.id).collect()
    };
    let id = page_id(3).to_string();
    assert_eq!(found(&id), vec![page_id(3)]);
    assert_eq!(found(&id.to_uppercase()), vec![page_id(3)]);
    assert_eq!(found(&id[..6]), vec![page_id(3)]);
    assert_eq!(found(&id[..3]), vec![]);
    assert_eq!(found("Kettle"), vec![page_id(1)], "the whole name comes before the title");
    assert_eq!(found("kitchen/Kettle"), vec![page_id(2)]);
    assert_eq!(found("Café"), vec![page_id(3)]);
    assert_eq!(found("kitchen/old/Café"), vec![page_id(3)]);
    assert_eq!(found("Pan"), vec![page_id(4)]);
    assert_eq!(found("old/Café"), vec![]);
    assert_eq!(found(""), vec![]);
    list(&mut store, commons, page_id(5), page("Pan", "yard", ""));
    let rows = store.find_pages(commons, "Pan").expect("reads");
    assert_eq!(
        rows.iter().map(|row| (row.id, row.deleted)).collect::<Vec<_>>(),
        vec![(page_id(5), false), (page_id(4), true)]
    );
}

#[test]
fn a_deleted_page_is_found_whatever_else_has_its_name() {
    let (_dir, mut store, commons) = profile();
    let gone = |title: &str, folder: &str| {
        let (title, folder) = (title.to_owned(), folder.to_owned());
        Projection::Page(PageProjection { title, folder, deleted: true, ..Default::default() })
    };
    list(&mut store, commons, page_id(1), page("Kettle", "", ""));
    list(&mut store, commons, page_id(2), gone("Kettle", ""));
    list(&mut store, commons, page_id(3), gone("Kettle", "kitchen"));
    list(&mut store, commons, page_id(4), gone("Pan", "kitchen"));
    list(&mut store, commons, page_id(5), gone("Pan", "yard"));
    let found = |reference: &str| -> Vec<PageId> {
        store.find_deleted(commons, reference).expect("reads").into_iter().map(|row| row.id).collect()
    };
    assert_eq!(found("Kettle"), vec![page_id(2)], "the whole name comes before the title");
    assert_eq!(found("kitchen/Kettle"), vec![page_id(3)]);
    assert_eq!(found("Pan"), vec![page_id(4), page_id(5)]);
    assert_eq!(found(&page_id(5).to_string()), vec![page_id(5)]);
    assert_eq!(found(&page_id(5).to_string()[..10]), vec![page_id(5)]);
    assert_eq!(found(&page_id(1).to_string()), vec![], "one that is not deleted");
    assert_eq!(found(&page_id(1).to_string()[..10]), vec![]);
    assert_eq!(found("Cup"), vec![]);
}

#[test]
fn folders_are_those_with_pages_in_them() {
    let (_dir, mut store, commons) = profile();
    list(&mut store, commons, page_id(1), page("A", "b/c", ""));
    list(&mut store, commons, page_id(2), page("B", "a", ""));
    list(&mut store, commons, page_id(2), page("B", "", ""));
    assert_eq!(store.folders(commons).expect("reads"), vec!["b/c".to_owned()]);
}
