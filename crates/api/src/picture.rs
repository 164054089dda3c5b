//! Tickets as pictures: written as QR codes, for a window and for a terminal, and read from a photograph or screenshot.
//!
//! A picture comes from outside, so its size in bytes and in pixels is checked before it is unpacked.

use std::{fmt::Write, io::Cursor};

use commonplace_node::{Error, ErrorCode, Result};
use data_encoding::BASE64;
use image::{DynamicImage, GrayImage, ImageReader, Limits, imageops};
use qrcode::{Color, EcLevel, QrCode};

/// The largest picture that is looked at, in bytes.
pub const MAX_BYTES: usize = 10_000_000;
/// Its greatest width and height, in pixels.
pub const MAX_SIDE: u32 = 8_000;
/// Memory that unpacking it may take.
const MAX_ALLOC: u64 = 400_000_000;
/// Blank modules around a code; readers need them.
const QUIET: usize = 4;
/// A picture smaller than this is enlarged when no code was found in it, a larger one reduced.
const EASY_SIDE: u32 = 1_200;

/// A code as rows of dark (`true`) and light modules, the quiet zone included.
fn modules(text: &str) -> Option<Vec<Vec<bool>>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let blank = || vec![false; width + 2 * QUIET];
    let mut rows: Vec<Vec<bool>> = (0..QUIET).map(|_| blank()).collect();
    for dark in colors.chunks(width) {
        let mut row = blank();
        for (module, color) in row.iter_mut().skip(QUIET).zip(dark) {
            *module = *color == Color::Dark;
        }
        rows.push(row);
    }
    rows.extend((0..QUIET).map(|_| blank()));
    Some(rows)
}

/// The text as a QR code, black on white in any theme; nothing when it is too long for one.
pub fn svg(text: &str) -> Option<String> {
    let rows = modules(text)?;
    let side = rows.len();
    let mut path = String::new();
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        while x < side {
            let run = row.iter().skip(x).take_while(|dark| **dark).count();
            if run > 0 {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run + 1;
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

/// The text as a QR code in half-block characters, for a terminal of any colours; nothing when it is too long for one.
pub fn half_blocks(text: &str) -> Option<String> {
    let rows = modules(text)?;
    let mut lines = String::new();
    for pair in rows.chunks(2) {
        // Black on white whatever the terminal's own colours are.
        lines.push_str("\x1b[30;107m");
        for (x, upper) in pair[0].iter().enumerate() {
            let lower = pair.get(1).is_some_and(|row| row[x]);
            lines.push(match (upper, lower) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        lines.push_str("\x1b[0m\n");
    }
    Some(lines)
}

/// Finds a ticket's text in a picture given in base 64.
pub(crate) async fn read_ticket(picture: String) -> Result<String> {
    let found = tokio::task::spawn_blocking(move || decode(&picture).and_then(|picture| find_code(&picture))).await;
    // A picture that brings its reader down is one that cannot be read.
    found.unwrap_or_else(|_| Err(unreadable()))
}

fn decode(picture: &str) -> Result<GrayImage> {
    // A window may hand over a data URL as it is.
    let text = picture.trim();
    let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
    if text.len() > MAX_BYTES.div_ceil(3) * 4 {
        return Err(Error::new(
            ErrorCode::TooLarge,
            "The picture is larger than 10 MB. Cut it to the part with the code, or paste the ticket as text.",
        ));
    }
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| unreadable())?;
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| unreadable())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    match reader.decode() {
        Ok(image) => Ok(on_white(&image)),
        Err(image::ImageError::Limits(_)) => Err(Error::new(
            ErrorCode::TooLarge,
            "The picture is larger than 8,000 by 8,000 pixels. Cut it to the part with the code, or paste the ticket as text.",
        )),
        Err(_) => Err(unreadable()),
    }
}

/// Grey values as they look on white paper, where the picture is transparent.
fn on_white(image: &DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.to_luma8();
    }
    let with_alpha = image.to_luma_alpha8();
    GrayImage::from_fn(with_alpha.width(), with_alpha.height(), |x, y| {
        let [grey, alpha] = with_alpha.get_pixel(x, y).0;
        let mixed = (u32::from(grey) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255;
        image::Luma([u8::try_from(mixed).unwrap_or(u8::MAX)])
    })
}

fn find_code(picture: &GrayImage) -> Result<String> {
    let side = picture.width().max(picture.height());
    let first = scan(picture);
    // Codes of very few or very many pixels a module are found at another size.
    let found = first.or_else(|| match side {
        0 => None,
        small if small < EASY_SIDE => {
            scan(&imageops::resize(picture, picture.width() * 4, picture.height() * 4, imageops::FilterType::Nearest))
        }
        large => {
            let scaled = |length: u32| (length * EASY_SIDE).div_ceil(large).max(1);
            let (width, height) = (scaled(picture.width()), scaled(picture.height()));
            scan(&imageops::resize(picture, width, height, imageops::FilterType::Triangle))
        }
    });
    found.ok_or_else(|| {
        Error::new(
            ErrorCode::TicketMalformed,
            "There is no ticket's code to be found in this picture. Take it straight and sharp, or paste the ticket as text.",
        )
    })
}

fn scan(picture: &GrayImage) -> Option<String> {
    let mut prepared = rqrr::PreparedImage::prepare(picture.clone());
    prepared.detect_grids().iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

fn unreadable() -> Error {
    Error::new(
        ErrorCode::BadArgument,
        "This picture cannot be read: it has to be a PNG or JPEG. Or paste the ticket as text.",
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    const TICKET: &str = "commonplace://join/AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYUCULBOGAZDINRYHI6D4QCCIRDEQSSMJZIFEVCWLBNFYXTAMJSGM2DKNRXHA4TUOZ4";

    fn png(image: &DynamicImage) -> String {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        BASE64.encode(bytes.get_ref())
    }

    fn drawn(text: &str, scale: u32) -> GrayImage {
        let rows = modules(text).unwrap();
        let side = u32::try_from(rows.len()).unwrap() * scale;
        GrayImage::from_fn(side, side, |x, y| {
            image::Luma([if rows[(y / scale) as usize][(x / scale) as usize] { 0 } else { 255 }])
        })
    }

    #[tokio::test]
    async fn a_ticket_comes_back_from_its_picture_at_any_size() {
        for scale in [1, 3, 8, 40] {
            let picture = png(&DynamicImage::ImageLuma8(drawn(TICKET, scale)));
            assert_eq!(read_ticket(picture).await.unwrap(), TICKET, "at {scale} pixels a module");
        }
    }

    #[tokio::test]
    async fn black_on_transparent_is_read_and_so_is_a_data_url() {
        let grey = drawn(TICKET, 4);
        let image = image::GrayAlphaImage::from_fn(grey.width(), grey.height(), |x, y| {
            image::LumaA([0, 255 - grey.get_pixel(x, y).0[0]])
        });
        let picture = format!("data:image/png;base64,{}", png(&DynamicImage::ImageLumaA8(image)));
        assert_eq!(read_ticket(picture).await.unwrap(), TICKET);
    }

    #[tokio::test]
    async fn what_is_no_picture_or_has_no_code_is_said_to_be_so() {
        let code = |picture: String| async move { read_ticket(picture).await.unwrap_err().code };
        assert_eq!(code("no base 64!".to_owned()).await, ErrorCode::BadArgument);
        assert_eq!(code(BASE64.encode(b"no picture")).await, ErrorCode::BadArgument);
        let blank = png(&DynamicImage::ImageLuma8(GrayImage::from_pixel(50, 50, image::Luma([255]))));
        assert_eq!(code(blank).await, ErrorCode::TicketMalformed);
    }

    #[tokio::test]
    async fn a_picture_too_large_is_not_unpacked() {
        let long = "A".repeat(MAX_BYTES.div_ceil(3) * 4 + 4);
        assert_eq!(read_ticket(long).await.unwrap_err().code, ErrorCode::TooLarge);
        // A file of a few hundred bytes that says it has 60,000 by 60,000 pixels.
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_luma8(1, 1).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let mut bytes = bytes.into_inner();
        bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let check = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&check.to_be_bytes());
        assert_eq!(read_ticket(BASE64.encode(&bytes)).await.unwrap_err().code, ErrorCode::TooLarge);
    }

    /// The checksum of a PNG's chunks.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |sum: u32, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
        })
    }

    #[test]
    fn the_svg_draws_every_dark_module_and_a_quiet_zone() {
        let rows = modules(TICKET).unwrap();
        let svg = svg(TICKET).unwrap();
        let drawn: usize = svg
            .split("d=\"M")
            .nth(1)
            .unwrap()
            .split('h')
            .skip(1)
            .filter(|run| !run.starts_with('-'))
            .map(|run| run.split('v').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert_eq!(drawn, rows.iter().flatten().filter(|dark| **dark).count());
        assert!(rows[..QUIET].iter().flatten().all(|dark| !dark));
        assert!(svg.contains("#000") && svg.contains("#fff") && !svg.contains("currentColor"));
    }

    #[test]
    fn half_blocks_hold_two_rows_a_line() {
        let rows = modules(TICKET).unwrap();
        let text = half_blocks(TICKET).unwrap();
        assert_eq!(text.lines().count(), rows.len().div_ceil(2));
        assert!(half_blocks(&"x".repeat(5_000)).is_none());
    }
}
