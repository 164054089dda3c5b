#!/usr/bin/env bash
# Draws the PNG sizes of the icon from icons/commonplace.svg. Run it after a change of the drawing; the pictures are
# committed, so that a build needs no renderer. Wants rsvg-convert (Debian: librsvg2-bin).
set -euo pipefail
cd "$(dirname "$0")/../icons"

draw() { rsvg-convert --width "$1" --height "$1" --output "$2" commonplace.svg; }

draw 32 32x32.png
draw 48 48x48.png
draw 64 64x64.png
draw 128 128x128.png
draw 256 256x256.png
draw 512 icon.png
