//! Commands about pages: `page …`, `tag`, `untag`, `tags`, `search`.

use std::io::{IsTerminal, Read};

use commonplace_api::{
    ApiError, Client, ErrorCode, PAGE_BYTES,
    command::{
        page_append, page_delete, page_list, page_new, page_rename, page_restore, page_show, page_write, search, tag,
        tags, untag,
    },
    view::{PageList, PageOrder, PageQuery, PageRow, PageView, SearchResult},
};

use crate::{
    Failure, args,
    show::{self, Out, columns, count, full_name, short},
};

/// Rows asked for at a time.
const STRETCH: u32 = 1_000;

pub(crate) async fn carry_out(client: &Client, out: &Out, page: args::Page) -> Result<(), Failure> {
    use args::Page;
    match page {
        Page::List { commons, tag, folder, filter, lately, deleted, hidden, limit } => {
            let order = if lately { PageOrder::Lately } else { PageOrder::Name };
            let query = PageQuery { tag, folder, filter, order, deleted, hidden, offset: 0, limit };
            list(client, out, commons, query).await
        }
        Page::New { commons, page } => {
            let row = client.call(page_new::Args { commons, name: page, body: None }).await?;
            changed(out, &row, "Made")
        }
        Page::Show { commons, page } => show(client, out, commons, page).await,
        Page::Write { commons, page, empty } => {
            let body = text_of_a_page(empty)?;
            let row = client.call(page_write::Args { commons, page, body }).await?;
            changed(out, &row, "Written")
        }
        Page::Append { commons, page, text } => {
            let text = text.map_or_else(standard_input, |line| Ok(line + "\n"))?;
            let row = client.call(page_append::Args { commons, page, text }).await?;
            changed(out, &row, "Written")
        }
        Page::Rename { commons, page, name } => {
            let row = client.call(page_rename::Args { commons, page, name }).await?;
            changed(out, &row, "Renamed to")
        }
        Page::Delete { commons, page } => {
            let row = client.call(page_delete::Args { commons, page }).await?;
            changed(out, &row, "Deleted")
        }
        Page::Restore { commons, page } => {
            let row = client.call(page_restore::Args { commons, page }).await?;
            changed(out, &row, "Restored")
        }
    }
}

async fn list(client: &Client, out: &Out, commons: String, query: PageQuery) -> Result<(), Failure> {
    let most = query.limit.unwrap_or(u32::MAX);
    let mut all = PageList { total: 0, rows: Vec::new() };
    loop {
        let offset = u32::try_from(all.rows.len()).unwrap_or(u32::MAX);
        let limit = Some(STRETCH.min(most - offset));
        let query = PageQuery { offset, limit, ..query.clone() };
        let stretch = client.call(page_list::Args { commons: commons.clone(), query }).await?;
        all.total = stretch.total;
        let got = stretch.rows.len();
        all.rows.extend(stretch.rows);
        if got == 0 || all.rows.len() as u64 >= all.total || all.rows.len() >= most as usize {
            break;
        }
    }
    out.answer(&all, |all| all.rows.iter().map(line).collect())?;
    Ok(())
}

fn line(row: &PageRow) -> String {
    format!("{}  {}", short(&row.id), full_name(row))
}

fn changed(out: &Out, row: &PageRow, what: &str) -> Result<(), Failure> {
    out.answer(row, |row| vec![format!("{what}: {}  {}", short(&row.id), full_name(row))])?;
    Ok(())
}

async fn show(client: &Client, out: &Out, commons: String, page: String) -> Result<(), Failure> {
    let page = client.call(page_show::Args { commons, page }).await?;
    if out.is_json() {
        out.event(&page)?;
    } else {
        show::text(&page.body)?;
        if page.row.deleted {
            show::remark("This page is deleted; commonplace page restore brings it back.");
        }
        if page.hidden {
            show::remark("A decision hid this page from lists and searches.");
        }
        if let Some(anew) = &page.anew {
            show::remark(&format!("A decision put another page in its place: {}", line(anew)));
        }
    }
    Ok(())
}

/// What standard input holds, for a whole page. Nothing in it is more often a mistake than meant.
fn text_of_a_page(empty: bool) -> Result<String, ApiError> {
    if empty && std::io::stdin().is_terminal() {
        return Ok(String::new());
    }
    let body = standard_input()?;
    if body.is_empty() && !empty {
        return Err(ApiError::new(
            ErrorCode::BadArgument,
            "Standard input is empty, which would empty the page. Nothing was changed: say --empty if that is what you want.",
        ));
    }
    Ok(body)
}

/// What standard input holds, if a page can hold it.
pub(crate) fn standard_input() -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(PAGE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| {
        ApiError::new(ErrorCode::BadArgument, format!("Standard input cannot be read ({error}). Nothing was changed."))
    })?;
    if bytes.len() > PAGE_BYTES {
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            "A page can hold 5 MB of text, and standard input has more. Nothing was changed: part it into several pages.",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let words = format!("Standard input is not UTF-8 text (from byte {at} on). Nothing was changed.");
        ApiError::new(ErrorCode::NotText, words)
    })
}

pub(crate) async fn tag(
    client: &Client,
    out: &Out,
    commons: String,
    page: String,
    tags: Vec<String>,
) -> Result<(), Failure> {
    tagged(out, &client.call(tag::Args { commons, page, tags }).await?)
}

pub(crate) async fn untag(
    client: &Client,
    out: &Out,
    commons: String,
    page: String,
    tags: Vec<String>,
) -> Result<(), Failure> {
    tagged(out, &client.call(untag::Args { commons, page, tags }).await?)
}

fn tagged(out: &Out, page: &PageView) -> Result<(), Failure> {
    out.answer(page, |page| {
        let tags: Vec<_> = page.tags.iter().map(|tag| format!("#{tag}")).collect();
        vec![if tags.is_empty() {
            format!("{}: no tags", full_name(&page.row))
        } else {
            format!("{}: {}", full_name(&page.row), tags.join(" "))
        }]
    })?;
    Ok(())
}

pub(crate) async fn tags(client: &Client, out: &Out, commons: String) -> Result<(), Failure> {
    let tags = client.call(tags::Args { commons }).await?;
    out.answer(&tags, |tags| {
        let row = |tag: &commonplace_api::view::TagRow| {
            let by = count(tag.people, "member", "members");
            vec![format!("#{}", tag.tag), count(tag.pages, "page", "pages"), format!("by {by}")]
        };
        columns(&tags.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(())
}

pub(crate) async fn search(
    client: &Client,
    out: &Out,
    commons: String,
    query: String,
    limit: Option<u32>,
) -> Result<(), Failure> {
    let found = client.call(search::Args { commons, query, limit }).await?;
    out.answer(&found, found_lines)?;
    Ok(())
}

fn found_lines(found: &SearchResult) -> Vec<String> {
    let mut lines = Vec::new();
    for hit in &found.hits {
        lines.push(line(&hit.row));
        let snippet: String = hit.snippet.iter().map(|part| part.text.as_str()).collect();
        let snippet = snippet.split_whitespace().collect::<Vec<_>>().join(" ");
        if !snippet.is_empty() {
            lines.push(format!("    {snippet}"));
        }
    }
    lines.extend(found.tags.iter().map(|tag| format!("#{}  ({})", tag.tag, count(tag.pages, "page", "pages"))));
    lines.extend(found.people.iter().map(|person| format!("{}  (member)", person.name)));
    if lines.is_empty() {
        lines.push("Nothing was found.".to_owned());
    }
    lines
}
