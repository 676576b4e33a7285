use super::blend;
use super::{Opacity, Yuv};

/// Rows of samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> Plane<'a> {
    /// `height` rows of `width` samples that start `stride` apart.
    pub(crate) fn new(data: &'a [u8], stride: usize, width: usize, height: usize) -> Self {
        Self {
            data,
            stride,
            width,
            height,
        }
    }

    /// A part of the rows, which begins at a sample of theirs.
    fn part(self, [x, y, width, height]: [usize; 4]) -> Self {
        Self {
            data: self.data.get(y * self.stride + x..).unwrap_or_default(),
            stride: self.stride,
            width,
            height,
        }
    }

    /// A sample and its right neighbour; those at the edges stand in for what is beyond.
    pub(super) fn pair(&self, x: usize, y: usize) -> (u8, u8) {
        let row = y.min(self.height.saturating_sub(1)) * self.stride;
        let last = self.width.saturating_sub(1);
        let sample = |x: usize| self.data.get(row + x.min(last)).copied().unwrap_or(0);
        (sample(x), sample(x + 1))
    }

    pub(super) fn rows(self) -> impl Iterator<Item = &'a [u8]> {
        self.data
            .chunks(self.stride.max(1))
            .filter_map(move |row| row.get(..self.width))
            .take(self.height)
    }
}

/// Rows of samples to draw on.
#[derive(Debug)]
pub(crate) struct PlaneMut<'a> {
    data: &'a mut [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> PlaneMut<'a> {
    /// `height` rows of `width` samples that start `stride` apart.
    pub(crate) fn new(data: &'a mut [u8], stride: usize, width: usize, height: usize) -> Self {
        Self {
            data,
            stride,
            width,
            height,
        }
    }

    fn sample(&mut self, x: usize, y: usize) -> Option<&mut u8> {
        if x >= self.width || y >= self.height {
            return None;
        }
        self.data.get_mut(y * self.stride + x)
    }

    /// The parts of the rows from `top` that are as wide as `columns`.
    fn rows(&mut self, top: usize, columns: Span) -> impl Iterator<Item = &mut [u8]> {
        let range = columns.start..columns.start + columns.length;
        self.data
            .chunks_mut(self.stride.max(1))
            .take(self.height)
            .skip(top)
            .filter_map(move |row| row.get_mut(range.clone()))
    }
}

/// A picture to draw: luma, blue and red difference, and alpha for luma and for chroma. With
/// alpha, the samples are premultiplied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// Luma, blue difference, red difference.
    pub(crate) planes: [Plane<'a>; 3],
    /// Alpha of luma and of chroma; opaque when absent.
    pub(crate) alpha: Option<[Plane<'a>; 2]>,
}

impl View<'_> {
    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        let [luma, ..] = self.planes;
        (luma.width, luma.height)
    }

    /// A part of the picture: left, top, width and height, which lie inside. At odd places,
    /// chroma lies half a pixel to the upper left.
    #[must_use]
    pub(crate) fn part(&self, part: [usize; 4]) -> Self {
        let [x, y, width, height] = part;
        let half = [x / 2, y / 2, width.div_ceil(2), height.div_ceil(2)];
        let [luma, blue, red] = self.planes;
        Self {
            planes: [luma.part(part), blue.part(half), red.part(half)],
            alpha: self
                .alpha
                .map(|[luma, chroma]| [luma.part(part), chroma.part(half)]),
        }
    }
}

/// A place on the canvas in pixels; it may lie outside, wholly or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rectangle {
    /// Left edge.
    pub(crate) x: i32,
    /// Top edge.
    pub(crate) y: i32,
    /// Width.
    pub(crate) width: u32,
    /// Height.
    pub(crate) height: u32,
}

impl Rectangle {
    /// Whether any of it lies on a canvas of `width` by `height`.
    pub(crate) fn touches(self, width: u32, height: u32) -> bool {
        let meets = |start: i32, length: u32, end: u32| {
            i64::from(start) < i64::from(end) && i64::from(start) + i64::from(length) > 0
        };
        meets(self.x, self.width, width) && meets(self.y, self.height, height)
    }

    /// Whether a canvas of `width` by `height` lies wholly inside.
    pub(crate) fn covers(self, width: u32, height: u32) -> bool {
        let reaches = |start: i32, length: u32, end: u32| {
            start <= 0 && i64::from(start) + i64::from(length) >= i64::from(end)
        };
        reaches(self.x, self.width, width) && reaches(self.y, self.height, height)
    }
}

/// The picture that layers are drawn on.
#[derive(Debug)]
pub(crate) struct Canvas<'a> {
    luma: PlaneMut<'a>,
    blue: PlaneMut<'a>,
    red: PlaneMut<'a>,
}

impl<'a> Canvas<'a> {
    /// A canvas over these planes; chroma has half the size of luma, rounded up.
    pub(crate) fn new([luma, blue, red]: [PlaneMut<'a>; 3]) -> Self {
        Self { luma, blue, red }
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.luma.width, self.luma.height)
    }

    /// The luma of a pixel; `None` beyond the edges.
    pub(super) fn luma_at(&mut self, x: usize, y: usize) -> Option<&mut u8> {
        self.luma.sample(x, y)
    }

    /// Blue and red difference of two by two pixels; `None` beyond the edges.
    pub(super) fn chroma_at(&mut self, x: usize, y: usize) -> Option<[u8; 2]> {
        Some([*self.blue.sample(x, y)?, *self.red.sample(x, y)?])
    }

    /// Makes blue and red difference these.
    pub(super) fn set_chroma(&mut self, x: usize, y: usize, values: [u8; 2]) {
        for (plane, value) in [&mut self.blue, &mut self.red].into_iter().zip(values) {
            if let Some(sample) = plane.sample(x, y) {
                *sample = value;
            }
        }
    }

    /// Covers all of it.
    pub(crate) fn clear(&mut self, color: Yuv) {
        for (plane, value) in self.planes(color) {
            let columns = Span {
                start: 0,
                length: plane.width,
            };
            for row in plane.rows(0, columns) {
                row.fill(value);
            }
        }
    }

    /// Draws one colour.
    pub(crate) fn fill(&mut self, place: Rectangle, color: Yuv, opacity: Opacity) {
        let chroma = place.halved();
        for (index, (plane, value)) in self.planes(color).into_iter().enumerate() {
            let place = if index == 0 { place } else { chroma };
            let columns = Clip::of(place.x, place.width, plane.width).on_canvas;
            let rows = Clip::of(place.y, place.height, plane.height).on_canvas;
            for row in plane.rows(rows.start, columns).take(rows.length) {
                blend::mix_value(row, value, opacity);
            }
        }
    }

    /// Draws a picture with its upper left corner at `x`, `y`. At odd places, chroma lies half a
    /// pixel to the upper left.
    pub(crate) fn draw(&mut self, x: i32, y: i32, picture: &View<'_>, opacity: Opacity) {
        let [luma, blue, red] = picture.planes;
        let (luma_alpha, chroma_alpha) = match picture.alpha {
            Some([luma, chroma]) => (Some(luma), Some(chroma)),
            None => (None, None),
        };
        let (chroma_x, chroma_y) = (x.div_euclid(2), y.div_euclid(2));
        draw_plane(&mut self.luma, x, y, luma, luma_alpha, opacity);
        draw_plane(
            &mut self.blue,
            chroma_x,
            chroma_y,
            blue,
            chroma_alpha,
            opacity,
        );
        draw_plane(
            &mut self.red,
            chroma_x,
            chroma_y,
            red,
            chroma_alpha,
            opacity,
        );
    }

    fn planes(&mut self, color: Yuv) -> [(&mut PlaneMut<'a>, u8); 3] {
        [
            (&mut self.luma, color.luma),
            (&mut self.blue, color.blue),
            (&mut self.red, color.red),
        ]
    }
}

fn draw_plane<'a>(
    canvas: &mut PlaneMut<'_>,
    x: i32,
    y: i32,
    picture: Plane<'a>,
    alpha: Option<Plane<'a>>,
    opacity: Opacity,
) {
    let columns = Clip::of(x, length(picture.width), canvas.width);
    let rows = Clip::of(y, length(picture.height), canvas.height);
    let below = canvas
        .rows(rows.on_canvas.start, columns.on_canvas)
        .take(rows.on_canvas.length);
    let range = columns.skipped..columns.skipped + columns.on_canvas.length;
    let visible = |plane: Plane<'a>| {
        let range = range.clone();
        plane
            .rows()
            .skip(rows.skipped)
            .filter_map(move |row| row.get(range.clone()))
    };
    match alpha {
        None if opacity == Opacity::FULL => {
            for (below, above) in below.zip(visible(picture)) {
                below.copy_from_slice(above);
            }
        }
        None => {
            for (below, above) in below.zip(visible(picture)) {
                blend::mix(below, above, opacity);
            }
        }
        Some(alpha) => {
            for ((below, above), alpha) in below.zip(visible(picture)).zip(visible(alpha)) {
                blend::over(below, above, alpha, opacity);
            }
        }
    }
}

/// A stretch of a row or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    length: usize,
}

/// The part of a stretch that lies on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clip {
    /// Samples of the picture before the canvas starts.
    skipped: usize,
    on_canvas: Span,
}

impl Clip {
    fn of(start: i32, length: u32, canvas: usize) -> Self {
        let canvas = i64::try_from(canvas).unwrap_or(i64::MAX);
        let first = i64::from(start).clamp(0, canvas);
        let last = (i64::from(start) + i64::from(length)).clamp(first, canvas);
        let whole = |value: i64| usize::try_from(value).unwrap_or(0);
        Self {
            skipped: whole(-i64::from(start)),
            on_canvas: Span {
                start: whole(first),
                length: whole(last - first),
            },
        }
    }
}

impl Rectangle {
    /// The chroma samples that the rectangle touches.
    fn halved(self) -> Self {
        let half = |start: i32, length: u32| {
            let first = i64::from(start).div_euclid(2);
            let last = (i64::from(start) + i64::from(length) + 1).div_euclid(2);
            u32::try_from(last - first).unwrap_or(0)
        };
        Self {
            x: self.x.div_euclid(2),
            y: self.y.div_euclid(2),
            width: half(self.x, self.width),
            height: half(self.y, self.height),
        }
    }
}

fn length(samples: usize) -> u32 {
    u32::try_from(samples).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 8;
    const HEIGHT: usize = 6;

    struct Planes([Vec<u8>; 3]);

    impl Planes {
        fn black() -> Self {
            let mut planes = Self([vec![0; 48], vec![0; 12], vec![0; 12]]);
            planes.canvas().clear(Yuv::BLACK);
            planes
        }

        fn canvas(&mut self) -> Canvas<'_> {
            let [luma, blue, red] = &mut self.0;
            Canvas::new([
                PlaneMut::new(luma, WIDTH, WIDTH, HEIGHT),
                PlaneMut::new(blue, WIDTH / 2, WIDTH / 2, HEIGHT / 2),
                PlaneMut::new(red, WIDTH / 2, WIDTH / 2, HEIGHT / 2),
            ])
        }

        fn luma_at(&self, x: usize, y: usize) -> u8 {
            self.0[0][y * WIDTH + x]
        }
    }

    fn grey(value: u8) -> Yuv {
        Yuv {
            luma: value,
            ..Yuv::BLACK
        }
    }

    fn place(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
        Rectangle {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_fill_stays_inside_its_rectangle_and_the_canvas() {
        let mut planes = Planes::black();
        let place = place(-3, 4, 5, 100);
        planes.canvas().fill(place, grey(200), Opacity::FULL);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let inside = x < 2 && y >= 4;
                assert_eq!(planes.luma_at(x, y), if inside { 200 } else { 16 });
            }
        }
    }

    #[test]
    fn a_picture_is_cut_at_every_edge() {
        let data: Vec<u8> = (0..16).collect();
        let chroma = [128; 4];
        let picture = View {
            planes: [
                Plane::new(&data, 4, 4, 4),
                Plane::new(&chroma, 2, 2, 2),
                Plane::new(&chroma, 2, 2, 2),
            ],
            alpha: None,
        };
        for (x, y) in [(-2, -1), (6, 4), (-9, 0), (0, 99), (2, 1)] {
            let mut planes = Planes::black();
            planes.canvas().draw(x, y, &picture, Opacity::FULL);
            for row in 0..HEIGHT {
                for column in 0..WIDTH {
                    let from = (
                        i32::try_from(column).unwrap() - x,
                        i32::try_from(row).unwrap() - y,
                    );
                    let expected = match from {
                        (0..4, 0..4) => u8::try_from(from.1 * 4 + from.0).unwrap(),
                        _ => 16,
                    };
                    assert_eq!(planes.luma_at(column, row), expected, "at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn covering_means_every_pixel() {
        assert!(place(0, 0, 8, 6).covers(8, 6));
        assert!(place(-1, -1, 9, 7).covers(8, 6));
        assert!(!place(1, 0, 8, 6).covers(8, 6));
        assert!(!place(0, 0, 8, 5).covers(8, 6));
    }
}
