//! Layers that are turned, rounded, scaled on the way, or blended: every pixel of the canvas asks
//! which point of the layer it shows. Plain layers do not come here.

use sm_common::layer::Blend;

use super::canvas::Plane;
use super::{Canvas, Matrix, Opacity, Rectangle, View, Yuv};
use crate::number::{
    to_byte, to_f32, to_f64, to_i32, to_index, to_u32, to_u64, to_usize, to_whole,
};

/// The outline of a layer on the canvas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    place: Rectangle,
    pivot: (f32, f32),
    sine: f32,
    cosine: f32,
    radius: f32,
}

impl Outline {
    /// `place` with corners of this radius, turned clockwise around `pivot` by so many degrees.
    pub(crate) fn new(place: Rectangle, pivot: (f64, f64), degrees: f64, radius: f64) -> Self {
        let (sine, cosine) = sine_and_cosine(degrees);
        let shorter = f64::from(place.width.min(place.height));
        Self {
            place,
            pivot: (to_f32(pivot.0), to_f32(pivot.1)),
            sine: to_f32(sine),
            cosine: to_f32(cosine),
            radius: to_f32(radius.min(shorter / 2.0)),
        }
    }

    /// The smallest rectangle around it.
    pub(crate) fn bounds(&self) -> Rectangle {
        let (left, top) = (edge(self.place.x), edge(self.place.y));
        let right = left + length(self.place.width);
        let lower = top + length(self.place.height);
        let corners = [(left, top), (right, top), (left, lower), (right, lower)];
        let turned = corners.map(|(x, y)| {
            let (x, y) = (x - self.pivot.0, y - self.pivot.1);
            (
                x.mul_add(self.cosine, -y * self.sine) + self.pivot.0,
                x.mul_add(self.sine, y * self.cosine) + self.pivot.1,
            )
        });
        let least = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
        let most = |values: [f32; 4]| values.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let (columns, rows) = (turned.map(|(x, _)| x), turned.map(|(_, y)| y));
        let x = to_i32(f64::from(least(columns).floor()));
        let y = to_i32(f64::from(least(rows).floor()));
        Rectangle {
            x,
            y,
            width: to_u32(to_whole(f64::from(most(columns).ceil()) - f64::from(x))),
            height: to_u32(to_whole(f64::from(most(rows).ceil()) - f64::from(y))),
        }
    }

    /// The point of the unturned layer that is seen at a point of the canvas, from the layer's
    /// upper left corner.
    fn unturned(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (x - self.pivot.0, y - self.pivot.1);
        (
            x.mul_add(self.cosine, y * self.sine) + self.pivot.0 - edge(self.place.x),
            y.mul_add(self.cosine, -x * self.sine) + self.pivot.1 - edge(self.place.y),
        )
    }

    /// An upright layer taken apart into what has no corner in it and its four corners, so that
    /// only those ask for every pixel. `None` where the parts would share chroma, or where there is
    /// nothing but corners.
    fn parts(&self) -> Option<Parts> {
        let Rectangle {
            x,
            y,
            width,
            height,
        } = self.place;
        let even = [x, y].iter().all(|at| at % 2 == 0) && width % 2 == 0 && height % 2 == 0;
        let cut = to_u32(to_whole(f64::from(self.radius.ceil()))).next_multiple_of(2);
        if !even || 2 * cut >= width.min(height) {
            return None;
        }
        let step = i32::try_from(cut).ok()?;
        let right = x.checked_add_unsigned(width)? - step;
        let lower = y.checked_add_unsigned(height)? - step;
        let at = |x, y, width, height| Rectangle {
            x,
            y,
            width,
            height,
        };
        Some(Parts {
            plain: [
                at(x + step, y, width - 2 * cut, cut),
                at(x, y + step, width, height - 2 * cut),
                at(x + step, lower, width - 2 * cut, cut),
            ],
            corners: [
                at(x, y, cut, cut),
                at(right, y, cut, cut),
                at(x, lower, cut, cut),
                at(right, lower, cut, cut),
            ],
        })
    }

    /// How far a point of the unturned layer lies outside; negative inside.
    fn distance(&self, (x, y): (f32, f32)) -> f32 {
        let half = (
            length(self.place.width) / 2.0,
            length(self.place.height) / 2.0,
        );
        let across = (x - half.0).abs() - half.0 + self.radius;
        let down = (y - half.1).abs() - half.1 + self.radius;
        let outside = across.max(0.0).hypot(down.max(0.0));
        outside + across.max(down).min(0.0) - self.radius
    }
}

/// What an upright layer with round corners is drawn in.
#[derive(Debug)]
struct Parts {
    plain: [Rectangle; 3],
    corners: [Rectangle; 4],
}

/// Exact for quarters, so that an upright layer stays sharp.
fn sine_and_cosine(degrees: f64) -> (f64, f64) {
    let turned = degrees.rem_euclid(360.0);
    for (quarter, values) in [
        (0.0, (0.0, 1.0)),
        (90.0, (1.0, 0.0)),
        (180.0, (0.0, -1.0)),
        (270.0, (-1.0, 0.0)),
    ] {
        if (turned - quarter).abs() < 1e-9 {
            return values;
        }
    }
    turned.to_radians().sin_cos()
}

/// What a warped layer shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paint<'a> {
    /// One colour.
    Solid(Yuv, Opacity),
    /// A part of a picture, in its pixels: left, top, width, height.
    Picture(&'a View<'a>, [f32; 4]),
}

/// A colour with how much it covers, premultiplied.
#[derive(Clone, Copy)]
struct Sample {
    value: f32,
    alpha: f32,
}

impl Paint<'_> {
    fn luma(&self, outline: &Outline, at: (f32, f32)) -> Sample {
        match self {
            Self::Solid(color, alpha) => solid(color.luma, *alpha),
            Self::Picture(view, part) => {
                let [luma, _, _] = view.planes;
                let (x, y) = in_picture(outline, part, at);
                Sample {
                    value: bilinear(luma, x, y),
                    alpha: view
                        .alpha
                        .map_or(1.0, |[alpha, _]| bilinear(alpha, x, y) / 255.0),
                }
            }
        }
    }

    fn chroma(&self, outline: &Outline, at: (f32, f32)) -> [Sample; 2] {
        match self {
            Self::Solid(color, alpha) => [solid(color.blue, *alpha), solid(color.red, *alpha)],
            Self::Picture(view, part) => {
                let [_, blue, red] = view.planes;
                let (x, y) = in_picture(outline, part, at);
                let (x, y) = (x / 2.0, y / 2.0);
                let alpha = view
                    .alpha
                    .map_or(1.0, |[_, alpha]| bilinear(alpha, x, y) / 255.0);
                [blue, red].map(|plane| Sample {
                    value: bilinear(plane, x, y),
                    alpha,
                })
            }
        }
    }
}

fn solid(value: u8, alpha: Opacity) -> Sample {
    let alpha = part(alpha);
    Sample {
        value: f32::from(value) * alpha,
        alpha,
    }
}

fn in_picture(outline: &Outline, part: &[f32; 4], at: (f32, f32)) -> (f32, f32) {
    let [left, top, width, height] = *part;
    // Outside of the part there may be more of the picture, which must not bleed in.
    let within = |start: f32, extent: f32, at: f32| {
        let inset = 0.5_f32.min(extent / 2.0);
        (start + at).clamp(start + inset, start + extent - inset)
    };
    (
        within(left, width, at.0 * width / length(outline.place.width)),
        within(top, height, at.1 * height / length(outline.place.height)),
    )
}

/// The value at a point, of which whole numbers are the pixels' corners.
fn bilinear(plane: Plane<'_>, x: f32, y: f32) -> f32 {
    let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
    let (left, top) = (x.floor(), y.floor());
    let (right_part, lower_part) = (x - left, y - top);
    let (column, row) = (to_index(left), to_index(top));
    let upper = plane.pair(column, row);
    let lower = plane.pair(column, row + 1);
    let across = |(left, right): (u8, u8)| {
        let (left, right) = (f32::from(left), f32::from(right));
        (right - left).mul_add(right_part, left)
    };
    let (upper, lower) = (across(upper), across(lower));
    (lower - upper).mul_add(lower_part, upper)
}

impl Canvas<'_> {
    /// Draws a layer within its outline.
    pub(crate) fn warp(
        &mut self,
        paint: &Paint<'_>,
        outline: &Outline,
        opacity: Opacity,
        blend: Blend,
        matrix: Matrix,
    ) {
        let brush = Brush {
            paint,
            outline,
            opacity: part(opacity),
            blend,
            matrix,
        };
        self.brush_within(&brush, outline.bounds());
    }

    /// Draws an upright layer with round corners. A picture must have the size of its outline, and
    /// its pixels lie on those of the canvas.
    pub(crate) fn round(
        &mut self,
        paint: &Paint<'_>,
        outline: &Outline,
        opacity: Opacity,
        matrix: Matrix,
    ) {
        let Some(Parts { plain, corners }) = outline.parts() else {
            return self.warp(paint, outline, opacity, Blend::Normal, matrix);
        };
        for place in plain {
            match paint {
                Paint::Solid(color, alpha) => self.fill(place, *color, opacity.times(*alpha)),
                Paint::Picture(view, _) => {
                    let from = |start: i32, whole: i32| to_index(edge(start - whole));
                    let pixels = [
                        from(place.x, outline.place.x),
                        from(place.y, outline.place.y),
                        to_usize(u64::from(place.width)),
                        to_usize(u64::from(place.height)),
                    ];
                    self.draw(place.x, place.y, &view.part(pixels), opacity);
                }
            }
        }
        let brush = Brush {
            paint,
            outline,
            opacity: part(opacity),
            blend: Blend::Normal,
            matrix,
        };
        for corner in corners {
            self.brush_within(&brush, corner);
        }
    }

    /// Draws what lies in `bounds`.
    fn brush_within(&mut self, brush: &Brush<'_>, bounds: Rectangle) {
        let (width, height) = self.size();
        let squares = |start: i32, extent: u32, end: usize| {
            let end = to_i64_of(end);
            let first = i64::from(start).clamp(0, end).div_euclid(2);
            let last = (i64::from(start) + i64::from(extent)).clamp(0, end);
            let whole = |value: i64| usize::try_from(value).unwrap_or(0);
            whole(first)..whole((last + 1).div_euclid(2))
        };
        for row in squares(bounds.y, bounds.height, height) {
            for column in squares(bounds.x, bounds.width, width) {
                brush.square(self, column, row);
            }
        }
    }
}

struct Brush<'a> {
    paint: &'a Paint<'a>,
    outline: &'a Outline,
    opacity: f32,
    blend: Blend,
    matrix: Matrix,
}

impl Brush<'_> {
    /// Draws two by two pixels, which share their chroma.
    fn square(&self, canvas: &mut Canvas<'_>, column: usize, row: usize) {
        let (x, y) = (2 * column, 2 * row);
        let middle = self
            .outline
            .unturned(coordinate(x) + 1.0, coordinate(y) + 1.0);
        let distance = self.outline.distance(middle);
        if distance > 2.0 {
            return;
        }
        let chroma = self.paint.chroma(self.outline, middle);
        let Some(below) = canvas.chroma_at(column, row) else {
            return;
        };
        let mut moved = [0.0_f32; 2];
        for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
            let at = self
                .outline
                .unturned(coordinate(x) + 0.5, coordinate(y) + 0.5);
            let cover = (0.5 - self.outline.distance(at)).clamp(0.0, 1.0) * self.opacity;
            let Some(luma) = canvas.luma_at(x, y).filter(|_| cover > 0.0) else {
                continue;
            };
            let above = self.paint.luma(self.outline, at);
            if self.blend == Blend::Normal {
                let under = f32::from(*luma) * (1.0 - above.alpha * cover);
                *luma = to_byte(above.value.mul_add(cover, under));
            } else if above.alpha > 0.0 {
                let change = self.change(f32::from(*luma), below, above, chroma);
                let change = change.map(|component| component * above.alpha * cover);
                let [by, blue, red] = self.matrix.encode_difference(change);
                *luma = to_byte(f32::from(*luma) + by);
                moved = [moved[0] + blue / 4.0, moved[1] + red / 4.0];
            }
        }
        let cover = (0.5 - distance / 2.0).clamp(0.0, 1.0) * self.opacity;
        let mut after = [0_u8; 2];
        for (((after, below), above), moved) in after.iter_mut().zip(below).zip(chroma).zip(moved) {
            *after = to_byte(if self.blend == Blend::Normal {
                let under = f32::from(below) * (1.0 - above.alpha * cover);
                above.value.mul_add(cover, under)
            } else {
                f32::from(below) + moved
            });
        }
        canvas.set_chroma(column, row, after);
    }

    /// What the blend would change of red, green and blue where the layer covers all.
    fn change(&self, luma: f32, below: [u8; 2], above: Sample, chroma: [Sample; 2]) -> [f32; 3] {
        let [blue, red] = below.map(f32::from);
        let below = self.matrix.decode([luma, blue, red]);
        let [blue, red] = chroma.map(|sample| {
            if sample.alpha > 0.0 {
                sample.value / sample.alpha
            } else {
                128.0
            }
        });
        let above = self.matrix.decode([above.value / above.alpha, blue, red]);
        let mut change = [0.0; 3];
        for ((change, below), above) in change.iter_mut().zip(below).zip(above) {
            *change = blended(self.blend, below, above) - below;
        }
        change
    }
}

/// One component of two colours, 0 to 255, as one.
fn blended(blend: Blend, below: f32, above: f32) -> f32 {
    match blend {
        Blend::Normal => above,
        Blend::Multiply => below * above / 255.0,
        Blend::Screen => 255.0 - (255.0 - below) * (255.0 - above) / 255.0,
        Blend::Add => (below + above).min(255.0),
        Blend::Darken => below.min(above),
        Blend::Lighten => below.max(above),
    }
}

fn part(opacity: Opacity) -> f32 {
    f32::from(opacity.steps()) / f32::from(Opacity::FULL.steps())
}

fn edge(position: i32) -> f32 {
    to_f32(f64::from(position))
}

fn length(pixels: u32) -> f32 {
    to_f32(f64::from(pixels))
}

fn coordinate(index: usize) -> f32 {
    to_f32(to_f64(to_u64(index)))
}

fn to_i64_of(index: usize) -> i64 {
    crate::number::to_i64(to_u64(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::PlaneMut;

    fn square() -> Rectangle {
        Rectangle {
            x: 10,
            y: 20,
            width: 40,
            height: 20,
        }
    }

    #[test]
    fn blends_are_what_they_are_called() {
        let cases = [
            (Blend::Normal, 51.0),
            (Blend::Multiply, 40.8),
            (Blend::Screen, 214.2),
            (Blend::Add, 255.0),
            (Blend::Darken, 51.0),
            (Blend::Lighten, 204.0),
        ];
        for (blend, wanted) in cases {
            assert!(
                (blended(blend, 204.0, 51.0) - wanted).abs() < 0.01,
                "{blend:?}"
            );
        }
    }

    #[test]
    fn a_quarter_turn_swaps_the_sides_of_the_bounds() {
        let turned = Outline::new(square(), (30.0, 30.0), 90.0, 0.0).bounds();
        assert_eq!((turned.x, turned.y), (20, 10));
        assert_eq!((turned.width, turned.height), (20, 40));
        let upright = Outline::new(square(), (30.0, 30.0), -360.0, 0.0).bounds();
        assert_eq!(upright, square());
    }

    #[test]
    fn clockwise_means_that_the_top_goes_to_the_right() {
        let turned = Outline::new(square(), (30.0, 30.0), 90.0, 0.0);
        // Right of the pivot is what was above it.
        let (x, y) = turned.unturned(38.0, 30.0);
        assert!((x - 20.0).abs() < 1e-4 && (y - 2.0).abs() < 1e-4, "{x},{y}");
    }

    #[test]
    fn a_rounded_corner_is_outside_and_the_middle_of_an_edge_is_on_it() {
        let rounded = Outline::new(square(), (30.0, 30.0), 0.0, 8.0);
        assert!(rounded.distance((0.5, 0.5)) > 1.0);
        assert!(rounded.distance((20.0, 0.0)).abs() < 1e-4);
        assert!(rounded.distance((20.0, 10.0)) < -9.0);
        assert!((rounded.distance((20.0, -3.0)) - 3.0).abs() < 1e-4);
    }

    /// A canvas of 64 by 48 pixels, grey, and what `draw` leaves on it.
    fn drawn(draw: impl FnOnce(&mut Canvas<'_>)) -> [Vec<u8>; 3] {
        let mut planes = [vec![90; 64 * 48], vec![100; 32 * 24], vec![140; 32 * 24]];
        let [luma, blue, red] = &mut planes;
        draw(&mut Canvas::new([
            PlaneMut::new(luma, 64, 64, 48),
            PlaneMut::new(blue, 32, 32, 24),
            PlaneMut::new(red, 32, 32, 24),
        ]));
        planes
    }

    #[test]
    fn only_corners_ask_for_every_pixel_and_nobody_sees_it() {
        let samples: Vec<u8> = (0_u8..200).cycle().take(40 * 20).collect();
        let sheet = |width, height| Plane::new(&samples, 40, width, height);
        let view = View {
            planes: [sheet(40, 20), sheet(20, 10), sheet(20, 10)],
            alpha: None,
        };
        let matrix = Matrix::for_height(48);
        let pictures = [
            Paint::Picture(&view, [0.0, 0.0, 40.0, 20.0]),
            Paint::Solid(Yuv::BLACK, Opacity::new(0.5)),
        ];
        for paint in pictures {
            for (x, y, radius) in [(10, 20, 7.0), (10, 20, 0.5), (-6, 36, 4.0), (11, 20, 4.0)] {
                let place = Rectangle { x, y, ..square() };
                let outline = Outline::new(place, (0.0, 0.0), 0.0, radius);
                let whole = drawn(|canvas| {
                    canvas.warp(&paint, &outline, Opacity::FULL, Blend::Normal, matrix);
                });
                let parts = drawn(|canvas| canvas.round(&paint, &outline, Opacity::FULL, matrix));
                for (whole, parts) in whole.iter().zip(&parts) {
                    let apart = whole.iter().zip(parts).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(apart <= Some(1), "{x},{y} {radius}: {apart:?}");
                }
            }
        }
        let turned_to_a_circle = Outline::new(square(), (0.0, 0.0), 0.0, 10.0);
        assert!(turned_to_a_circle.parts().is_none());
    }
}
