import "./styles/all.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { runOn } from "./lib/platform/platform";
import { tauri } from "./lib/platform/tauri";
import { desk } from "./lib/stores/desk.svelte";
import { start } from "./lib/stores/engine.svelte";

runOn(tauri);
tauri.beforeClosing(() => desk.settle());
mount(App, { target: document.getElementById("app") as HTMLElement });
void start();
