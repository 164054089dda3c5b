//! Licences that a person gives: SPDX expressions, and what was most likely meant by others.
//!
//! Looked at when somebody says one. What a record says is never judged here: a commons with an odd licence is a commons.

use commonplace_governance::Genesis;
use spdx::{
    ExceptionId, Expression, LicenseId, LicenseItem, ParseMode,
    error::Reason,
    exception_id,
    identifiers::{EXCEPTIONS, LICENSES},
    license_id,
};

use crate::{
    commons::one_line,
    error::{Error, Result},
};

/// Valid as the list of licences has it: an id that is deprecated is one all the same.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};
/// A beginning that more ids have than these tells too little.
const FEW: usize = 12;

/// A licence that a person gave, if it is an SPDX expression.
pub(crate) fn licence_of(text: &str) -> Result<String> {
    let licence = one_line("licence", text, Genesis::MAX_LICENCE)?;
    match fault(&licence) {
        None => Ok(licence),
        Some(why) => Err(Error::bad(format!("“{licence}” is no SPDX licence expression: {why} Nothing was changed."))),
    }
}

/// Why a text is no expression, in sentences.
fn fault(text: &str) -> Option<String> {
    let (reason, span) = match Expression::parse_mode(text, MODE) {
        Ok(expression) => {
            // A reference without a name refers to nothing.
            let nameless = |item: &LicenseItem| matches!(item, LicenseItem::Other(other) if other.lic_ref.is_empty());
            let any = expression.requirements().any(|of| nameless(&of.req.license));
            return any.then(|| "LicenseRef- needs a name after it, as in LicenseRef-house-rules.".to_owned());
        }
        Err(error) => (error.reason, error.span),
    };
    let term = text.get(span.clone()).unwrap_or_default();
    Some(match reason {
        Reason::UnknownTerm | Reason::UnknownLicense | Reason::UnknownException | Reason::InvalidCharacters => {
            let is_exception =
                text.get(..span.start).is_some_and(|before| before.trim_end().to_lowercase().ends_with("with"));
            let meant = if is_exception {
                nearest(
                    term,
                    EXCEPTIONS.iter().map(|e| (e.name, exception_id(e.name).is_some_and(ExceptionId::is_deprecated))),
                )
            } else {
                let words: Vec<&str> = text.split_whitespace().collect();
                let is_sentence =
                    words.len() > 1 && !words.iter().any(|w| ["and", "or", "with"].contains(&&*w.to_lowercase()));
                // Written with spaces, an id is more than one term; and a word of a sentence is none.
                let whole = words.join("-");
                let ids =
                    || LICENSES.iter().map(|l| (l.name, license_id(l.name).is_some_and(LicenseId::is_deprecated)));
                nearest(&whole, ids()).or_else(|| if is_sentence { None } else { nearest(term, ids()) })
            };
            match meant {
                Some(id) if id.eq_ignore_ascii_case(term) => format!("upper and lower case count, so write {id}."),
                Some(id) => format!("there is no “{term}”. Did you mean {id}?"),
                None => format!("there is no “{term}”. Examples: CC-BY-SA-4.0, CC0-1.0, MIT OR Apache-2.0."),
            }
        }
        Reason::UnclosedParens | Reason::UnopenedParens => "a parenthesis has no other half.".to_owned(),
        Reason::SeparatedPlus => "the + belongs directly behind the id.".to_owned(),
        Reason::GnuNoPlus | Reason::GnuPlusWithSuffix => "GNU licences say -or-later instead of +.".to_owned(),
        Reason::Empty | Reason::Unexpected(_) | Reason::DeprecatedLicenseId => {
            "ids of licences stand between AND and OR, as in MIT OR Apache-2.0.".to_owned()
        }
    })
}

/// The id that was most likely meant: one that differs in case only, else one with few letters changed, else the newest of few
/// that begin like that. Each comes with whether it is deprecated; such ones are not advised.
fn nearest(term: &str, ids: impl Iterator<Item = (&'static str, bool)> + Clone) -> Option<&'static str> {
    if let Some((id, _)) = ids.clone().find(|(id, _)| id.eq_ignore_ascii_case(term)) {
        return Some(id);
    }
    let wanted = term.to_lowercase();
    let current = ids.filter(|(_, deprecated)| !deprecated).map(|(id, _)| id);
    let allowed = (wanted.len() / 4).max(1);
    let near = current.clone().map(|id| (distance(&wanted, &id.to_lowercase()), id));
    if let Some((_, id)) = near.filter(|(distance, _)| wanted.len() > 2 && *distance <= allowed).min_by_key(|(d, _)| *d)
    {
        return Some(id);
    }
    let goes_on = |id: &&str| {
        let rest = id.to_lowercase().strip_prefix(&wanted).map(str::to_owned);
        wanted.len() > 2 && rest.is_some_and(|rest| rest.starts_with(['-', '.']))
    };
    let begin_so: Vec<_> = current.filter(goes_on).collect();
    begin_so.last().copied().filter(|_| begin_so.len() <= FEW)
}

/// How many letters have to be put in, left out, replaced or swapped with the next (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<_>>());
    for i in 1..=a.len() {
        let mut now = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(now[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                let swapped: &Vec<usize> = &before;
                least = least.min(swapped[j - 2] + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn valid_expressions_are_taken_as_they_are() {
        for text in [
            "CC-BY-SA-4.0",
            "CC0-1.0",
            "MIT OR Apache-2.0",
            "GPL-3.0-or-later WITH Classpath-exception-2.0",
            "(MIT AND CC-BY-4.0) OR LicenseRef-x",
            "LicenseRef-x",
            "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2",
            "Apache-1.1+",
            "GPL-2.0",
            "GPL-2.0+",
        ] {
            assert_eq!(licence_of(text).unwrap(), text);
        }
        assert_eq!(licence_of("  MIT ").unwrap(), "MIT");
    }

    #[test]
    fn others_are_refused_with_what_was_most_likely_meant() {
        for (text, hint) in [
            ("cc-by-sa-4.0", "write CC-BY-SA-4.0."),
            ("mit OR Apache-2.0", "write MIT."),
            ("CC-BY-SA-4", "Did you mean CC-BY-SA-4.0?"),
            ("CC BY-SA 4.0", "Did you mean CC-BY-SA-4.0?"),
            ("CC-BY-SA", "Did you mean CC-BY-SA-4.0?"),
            ("MTI", "Did you mean MIT?"),
            ("Apache 2.0", "Did you mean Apache-2.0?"),
            ("Apache2.0", "Did you mean Apache-2.0?"),
            ("MIT WITH Classpath-exeption-2.0", "Did you mean Classpath-exception-2.0?"),
            ("MIT OR xyzzy", "there is no “xyzzy”. Examples:"),
            ("all rights reserved", "there is no “all”. Examples:"),
            ("日本", "there is no “日本”. Examples:"),
            ("(MIT", "parenthesis"),
            ("MIT)", "parenthesis"),
            ("MIT +", "directly behind"),
            ("MIT OR", "between AND and OR"),
            ("MIT Apache-2.0", "between AND and OR"),
            ("LicenseRef-", "needs a name"),
            ("GPL-3.0-or-later+", "-or-later instead of +"),
        ] {
            let error = licence_of(text).unwrap_err();
            assert!(error.message.contains(hint), "{text}: {}", error.message);
            assert!(error.message.ends_with("Nothing was changed."), "{text}: {}", error.message);
        }
        assert!(licence_of("").is_err() && licence_of(&"MIT OR ".repeat(30)).is_err());
    }

    #[test]
    fn distances_are_those_of_letters() {
        for (a, b, d) in [("", "", 0), ("mit", "mti", 1), ("mit", "mits", 1), ("kitten", "sitting", 3), ("abc", "", 3)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (d, d), "{a} {b}");
        }
    }
}
