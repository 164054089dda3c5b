//! Prepares the desktop shell: reads `tauri.conf.json`, the capabilities and the icons.

use std::path::Path;

use tauri_build::Attributes;

/// What the window shows; `tauri dev` serves it from Vite instead.
const INTERFACE: &str = "ui/dist/index.html";

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed={INTERFACE}");
    if std::env::var_os("CARGO_FEATURE_CUSTOM_PROTOCOL").is_some() {
        assert!(
            Path::new(INTERFACE).exists(),
            "{INTERFACE} is missing: the interface is built before the app. `make ui` does it, `make run` does everything."
        );
    }
    let attributes = Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes).expect("tauri.conf.json, the capabilities and the icons fit together");
}
