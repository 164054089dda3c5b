//! Renews the window's TypeScript: writes it where it is committed, or to the file that is named.

use std::{io, path::PathBuf};

use commonplace_api::typescript;

fn main() -> io::Result<()> {
    let place = std::env::args_os().nth(1).map_or_else(typescript::committed, PathBuf::from);
    std::fs::write(place, typescript::generate())
}
