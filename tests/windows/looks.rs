//! A small window, the dark, and letters of twice the size: everything is there, can be read, and is reached by mouse and by
//! keys alone.

use std::fs;

use anyhow::{Context, ensure};
use commonplace_tests::desktop::acts::row;
use commonplace_tests::desktop::{Key, Window, marked};
use serde_json::json;

use crate::stage::{COMMONS, MAREN, Stage, TOMAS, tell};

/// The smallest window that the app is made for.
const SMALL: (u32, u32) = (900, 600);
/// What text must stand out from its ground by: WCAG 2.2, 1.4.3, level AA.
const AA: f64 = 4.5;

const TOASTERS: &str = "\
# Toasters

Nine times in ten it is crumbs, and the tenth time the small *electromagnet* that holds the carriage down: see [[Kettles]]. #electrical

- [x] Ask what it did the last time it worked, what was to be toasted on that day, and who stood beside it and saw
  - and the time before

| What you see | Likely |
| --- | --- |
| Pops up at once | No current to its magnet |

> Nobody was hurt.
";

/// By how much the first text that a selector gives stands out from what is painted under it.
const CONTRAST: &str = "
    const element = document.querySelector(arguments[0]);
    if (element === null) return null;
    const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const over = (colour) => { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * x + .7152 * y + .0722 * z;
    };
    const around = [];
    for (let e = element; e !== null; e = e.parentElement) around.unshift(getComputedStyle(e).backgroundColor);
    const ground = around.map(over).at(-1);
    const [a, b] = [light(ground), light(over(getComputedStyle(element).color))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);";

/// Boxes in which something is wider than they are.
const TOO_WIDE: &str = "
    const all = [document.scrollingElement, ...document.querySelectorAll('.app, .main, .view, .view-body, .view-head, .first, .sheet, .insp, .dialog')];
    const wide = all.filter((e) => e.scrollWidth > Math.max(e.clientWidth, e.offsetWidth));
    if (document.scrollingElement.scrollWidth > innerWidth) wide.push(document.scrollingElement);
    return wide.map((e) => `${e.tagName}.${e.className}: ${e.scrollWidth} in ${e.clientWidth}`);";

/// How far a done task's second row begins from its first, and how much further in the item inside it begins.
const INDENTS: &str = "
    const rows = [...document.querySelector('.cm-done').getClientRects()];
    const inner = document.createRange();
    const marks = document.querySelectorAll('.cm-bullet');
    inner.selectNodeContents(marks[0].closest('.cm-line'));
    inner.setStartAfter(marks[0]);
    return [rows.at(-1).left - rows[0].left, inner.getClientRects()[0].left - rows[0].left, rows.length];";

/// Maren's commons of two pages and a tag, in a window of this size.
pub(crate) fn opened(stage: &Stage, size: (u32, u32)) -> anyhow::Result<Window> {
    let folder = stage.pages(1)?;
    fs::write(folder.join("Toasters.md"), TOASTERS)?;
    stage.maren.commonplace(&["init", "--name", MAREN])?;
    stage.maren.commonplace(&["new", COMMONS])?;
    stage.maren.commonplace(&["import", COMMONS, &folder.display().to_string()])?;
    let window = stage.maren.open_sized(size)?;
    window.arrive(COMMONS)?;
    window.wait_for_pages(2)?;
    Ok(window)
}

pub(crate) fn choose(window: &Window, theme: &str) -> anyhow::Result<()> {
    window.click(&marked("nav-you"))?;
    window.click(&marked(&format!("theme-{theme}")))?;
    window.wait_for(&format!("[data-theme={theme}]"))
}

pub(crate) fn fits(window: &Window, screen: &str) -> anyhow::Result<()> {
    let wide: Vec<String> = serde_json::from_value(window.ask(TOO_WIDE, Vec::new())?)?;
    ensure!(wide.is_empty(), "on {screen}, something is too wide for its place: {wide:?}");
    Ok(())
}

fn readable(window: &Window, theme: &str, text: &str) -> anyhow::Result<()> {
    window.wait_for(text)?;
    let contrast = window.ask(CONTRAST, vec![json!(text)])?.as_f64().context("no contrast")?;
    ensure!(contrast >= AA, "in the {theme} theme, {text} stands out by {contrast:.2} only");
    Ok(())
}

/// Goes on with Tab until what `css` selects has the focus.
fn tab_to(window: &Window, css: &str) -> anyhow::Result<()> {
    let there = "return document.activeElement?.matches(arguments[0]) ?? false";
    for _ in 0..60 {
        if window.ask(there, vec![json!(css)])? == json!(true) {
            return Ok(());
        }
        window.press(&[Key::Tab])?;
    }
    anyhow::bail!("Tab does not lead to {css}")
}

/// Whether the focus is in what `css` selects.
fn holds_focus(window: &Window, css: &str) -> anyhow::Result<()> {
    let inside = "return document.querySelector(arguments[0])?.contains(document.activeElement) ?? false";
    window.until(&format!("the focus in {css}"), || {
        Ok((window.ask(inside, vec![json!(css)])? == json!(true)).then_some(()))
    })
}

#[test]
fn every_screen_fits_into_a_small_dark_window() -> anyhow::Result<()> {
    tell("looks::every_screen_fits_into_a_small_dark_window", |stage| {
        let window = opened(stage, SMALL)?;
        choose(&window, "dark")?;
        fits(&window, "you")?;
        for screen in ["pages", "tags", "people", "nearby", "add", "search"] {
            window.click(&marked(&format!("nav-{screen}")))?;
            window.wait_for(&format!("{}[aria-current=page]", marked(&format!("nav-{screen}"))))?;
            fits(&window, screen)?;
        }
        window.fill(&marked("search-field"), "crumbs")?;
        window.wait_for(&marked("search-hit"))?;
        let found = window.read(&format!("{} p", marked("search-hit")))?;
        ensure!(
            found.contains("see Kettles") && !found.contains(['*', '[', '|']),
            "what was found is shown as {found:?}"
        );
        fits(&window, "search, with what was found")?;
        window.open_page("Toasters")?;
        fits(&window, "a page")?;
        for thumb in ["thumb-about", "thumb-outline", "thumb-here"] {
            window.click(&marked(thumb))?;
            window.wait_for(".insp")?;
            fits(&window, thumb)?;
        }
        window.click(&marked("invite-open"))?;
        window.wait_for_text(&marked("invite-ticket"), "commonplace://join/")?;
        fits(&window, "an invitation")
    })
}

#[test]
fn the_first_questions_fit_into_a_small_window() -> anyhow::Result<()> {
    tell("looks::the_first_questions_fit_into_a_small_window", |stage| {
        let window = stage.tomas.open_sized(SMALL)?;
        window.wait_for(&marked("welcome-name"))?;
        fits(&window, "the first question")?;
        window.introduce(TOMAS)?;
        window.fill(&marked("start-name"), "Seed library")?;
        fits(&window, "the ways on")?;
        window.press_on(&marked("start-commons"))?;
        window.arrive("Seed library")
    })
}

#[test]
fn everything_is_reached_by_mouse() -> anyhow::Result<()> {
    tell("looks::everything_is_reached_by_mouse", |stage| {
        let window = opened(stage, SMALL)?;
        choose(&window, "dark")?;
        // Where the mouse is pressed nothing else may lie over it.
        window.press_on(&marked("nav-pages"))?;
        window.press_on(&row("Toasters"))?;
        window.wait_open("Toasters")?;
        window.press_on(".cm-content .cm-line")?;
        holds_focus(&window, ".cm-content")?;
        // What lies over the text makes way for it.
        window.press_on(&marked("thumb-outline"))?;
        window.wait_for(".insp")?;
        window.press_on(".cm-table th")?;
        window.wait_gone(".insp")?;
        window.press_on(&marked("nav-nearby"))?;
        window.press_on(&marked("spine"))?;
        window.wait_open("Toasters")?;
        window.press_on(&marked("spine"))?;
        window.wait_for(&marked("page-row"))?;
        for (opener, dialog) in
            [("new-page-side", "page-name"), ("invite-open", "invite-ticket"), ("import-open", "import-dir")]
        {
            window.press_on(&marked(opener))?;
            window.wait_for(&marked(dialog))?;
            window.press_on(&marked(dialog))?;
            window.press(&[Key::Escape])?;
            window.wait_gone("dialog")?;
        }
        Ok(())
    })
}

#[test]
fn everything_is_reached_by_keys() -> anyhow::Result<()> {
    tell("looks::everything_is_reached_by_keys", |stage| {
        let window = opened(stage, SMALL)?;
        tab_to(&window, &marked("spine"))?;
        tab_to(&window, &marked("nav-you"))?;
        window.press(&[Key::Enter])?;
        tab_to(&window, &marked("theme-dark"))?;
        window.press(&[Key::Enter])?;
        window.wait_for("[data-theme=dark]")?;

        tab_to(&window, &marked("nav-pages"))?;
        window.press(&[Key::Enter])?;
        window.wait_for(&row("Toasters"))?;
        tab_to(&window, &format!("{} button", row("Toasters")))?;
        window.press(&[Key::Enter])?;
        window.wait_open("Toasters")?;
        tab_to(&window, ".cm-content")?;
        window.press(&[Key::Control, Key::End])?;
        window.type_keys("By keys alone.")?;
        window.wait_for_words("By keys alone.")?;

        window.press_letter(&[Key::Control], 'k')?;
        holds_focus(&window, "dialog")?;
        window.type_keys("kettles")?;
        window.wait_for("[role=option] mark")?;
        window.press(&[Key::Enter])?;
        window.wait_open("Kettles")?;

        window.press_letter(&[Key::Control], 'n')?;
        window.wait_for(&marked("page-name"))?;
        for _ in 0..6 {
            holds_focus(&window, "dialog")?;
            window.press(&[Key::Tab])?;
        }
        window.press(&[Key::Escape])?;
        window.wait_gone("dialog")
    })
}

#[test]
fn text_stands_out_from_its_ground_by_day_and_by_night() -> anyhow::Result<()> {
    tell("looks::text_stands_out_from_its_ground_by_day_and_by_night", |stage| {
        let window = opened(stage, SMALL)?;
        for theme in ["light", "dark"] {
            choose(&window, theme)?;
            for text in [
                ".rail-btn",
                ".lab",
                ".seg button",
                ".nav button",
                ".nav .n",
                ".side-head .meta",
                ".status .words",
                ".kv dt",
                ".devices b",
                ".devices .meta",
                ".view-lead",
            ] {
                readable(&window, theme, text)?;
            }
            window.click(&marked("nav-pages"))?;
            for text in [".page-row b", ".page-row .meta", ".view-head h1", ".spine span"] {
                readable(&window, theme, text)?;
            }
            window.open_page("Toasters")?;
            for text in
                [".cm-line", ".cm-quoteLine", ".cm-done", ".cm-table td", ".standing", ".thumbs button", ".tab.on"]
            {
                readable(&window, theme, text)?;
            }
        }
        Ok(())
    })
}

#[test]
fn lists_and_tables_are_drawn_and_two_brackets_offer_a_page() -> anyhow::Result<()> {
    tell("looks::lists_and_tables_are_drawn_and_two_brackets_offer_a_page", |stage| {
        let window = opened(stage, SMALL)?;
        choose(&window, "dark")?;
        window.open_page("Toasters")?;
        window.wait_for(".cm-table table")?;
        let cells = window.texts(".cm-table td")?;
        ensure!(cells == ["Pops up at once", "No current to its magnet"], "the table says {cells:?}");

        let (hang, step, rows): (f64, f64, usize) = serde_json::from_value(window.ask(INDENTS, Vec::new())?)?;
        ensure!(rows > 1 && hang.abs() < 4.0, "a task's {rows} rows begin {hang} pixels apart");
        ensure!(step > 10.0, "an item in another one begins {step} pixels further in");

        window.write_at_end("\nFirst read [[kett")?;
        window.wait_for_text(".cm-completions li[aria-selected]", "Kettles")?;
        readable(&window, "dark", ".cm-completions li")?;
        // An Enter that comes together with the list is meant for the line.
        let seen = "return performance.now() - (window.sawOffer ??= performance.now()) > 150";
        window.until("what is offered to have been seen", || {
            Ok((window.ask(seen, Vec::new())? == json!(true)).then_some(()))
        })?;
        window.press(&[Key::Enter])?;
        window.wait_for_words("First read [[Kettles]]")?;
        window.type_keys(" once")?;
        window.wait_for_words("First read [[Kettles]] once")
    })
}

#[test]
fn with_letters_of_twice_the_size_list_and_text_are_reached() -> anyhow::Result<()> {
    tell("looks::with_letters_of_twice_the_size_list_and_text_are_reached", |stage| {
        let window = opened(stage, SMALL)?;
        window.click(&marked("nav-pages"))?;
        for _ in 0..5 {
            window.press_letter(&[Key::Control], '+')?;
        }
        let size = window.ask("return getComputedStyle(document.documentElement).fontSize", Vec::new())?;
        ensure!(size == json!("32px"), "letters are {size}");
        fits(&window, "pages")?;
        window.press_on(&row("Toasters"))?;
        window.wait_open("Toasters")?;
        fits(&window, "a page")?;
        window.write_at_first_line(", large")?;
        window.press_on(&marked("spine"))?;
        window.press_on(&row("Kettles"))?;
        window.wait_open("Kettles")
    })
}
