use std::sync::{Arc, OnceLock};

use crate::number::{to_f64, to_i32, to_i64, to_u64, to_usize};
use crate::picture::{Canvas, Opacity, Picture, Rectangle};
use crate::timeline::Timeline;

/// Pictures above each other that come, make room for newer ones, and go. Where each is follows
/// from the program's frame number alone.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Oldest first.
    cards: Vec<Card>,
    layout: Layout,
}

/// How cards lie in their layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) timeline: Timeline,
    /// Pixels between two cards.
    pub(crate) gap: u32,
    /// Whether the newest lies at the upper edge instead of the lower one.
    pub(crate) newest_above: bool,
}

/// A picture on a stack.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) picture: Arc<Picture>,
    /// Its distance from the layer's left edge.
    pub(crate) x: u32,
    /// How it comes.
    pub(crate) coming: Arc<Ramp>,
    /// Whether it also fades in meanwhile.
    pub(crate) fades_in: bool,
    /// How it fades away, if it does.
    pub(crate) going: Option<Arc<Ramp>>,
}

/// Something that takes a number of frames, from the first one on which it is drawn.
#[derive(Debug)]
pub(crate) struct Ramp {
    frames: u64,
    first: OnceLock<u64>,
}

impl Ramp {
    /// A ramp of so many frames; with none it is over at once.
    pub(crate) fn new(frames: u64) -> Self {
        Self {
            frames,
            first: OnceLock::new(),
        }
    }

    /// How much of it is over on this frame, 0 to 1.
    fn at(&self, frame: u64) -> f64 {
        if self.frames == 0 {
            return 1.0;
        }
        let first = *self.first.get_or_init(|| frame);
        (to_f64(frame.saturating_sub(first)) / to_f64(self.frames)).min(1.0)
    }
}

impl Card {
    /// How much of its way it has come, 0 to 1: fast at first, slowly at last.
    fn presence(&self, frame: u64) -> f64 {
        1.0 - (1.0 - self.coming.at(frame)).powi(3)
    }

    fn opacity(&self, frame: u64) -> f64 {
        let come = if self.fades_in {
            self.coming.at(frame)
        } else {
            1.0
        };
        let gone = self.going.as_ref().map_or(0.0, |going| going.at(frame));
        come * (1.0 - gone)
    }
}

impl Stack {
    /// A stack of these cards, oldest first.
    pub(crate) const fn new(cards: Vec<Card>, layout: Layout) -> Self {
        Self { cards, layout }
    }

    /// Draws what is in the layer at this moment; what reaches beyond it is cut off.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        place: Rectangle,
        opacity: Opacity,
        now_ns: u64,
    ) {
        let frame = self.layout.timeline.nearest_frame(now_ns);
        for (card, top) in self.places(frame, place) {
            let opacity = opacity.times(Opacity::new(card.opacity(frame)));
            if opacity != Opacity::NONE {
                draw_card(canvas, card, top, place, opacity);
            }
        }
    }

    /// The cards with their upper edges on the canvas, newest first. All move by the same even
    /// number of pixels: chroma has one sample for two rows.
    fn places(&self, frame: u64, place: Rectangle) -> impl Iterator<Item = (&Card, i64)> {
        let Layout {
            gap, newest_above, ..
        } = self.layout;
        let extent = move |card: &Card| to_u64(card.picture.height()) + u64::from(gap);
        let still_to_come: f64 = self
            .cards
            .iter()
            .map(|card| (1.0 - card.presence(frame)) * to_f64(extent(card)))
            .sum();
        let behind = even(i64::from(to_i32(still_to_come)));
        let (top, bottom) = (
            i64::from(place.y),
            i64::from(place.y) + i64::from(place.height),
        );
        let mut passed = 0;
        self.cards.iter().rev().map(move |card| {
            let before = to_i64(passed);
            passed += extent(card);
            let place = if newest_above {
                even(top + before) - behind
            } else {
                even(bottom + i64::from(gap) - to_i64(passed)) + behind
            };
            (card, place)
        })
    }
}

/// Draws the part of a card that lies in its layer.
fn draw_card(canvas: &mut Canvas<'_>, card: &Card, top: i64, place: Rectangle, opacity: Opacity) {
    let picture = card.picture.view();
    let (width, height) = picture.size();
    let bottom = i64::from(place.y) + i64::from(place.height);
    let hidden_above = (i64::from(place.y) - top).max(0);
    let hidden_below = (top + to_i64(to_u64(height)) - bottom).max(0);
    let room = to_usize(u64::from(place.width.saturating_sub(card.x)));
    let skipped = usize::try_from(hidden_above).unwrap_or(usize::MAX);
    let cut = usize::try_from(hidden_below).unwrap_or(usize::MAX);
    let rows = height.saturating_sub(skipped).saturating_sub(cut);
    let columns = width.min(room);
    if rows == 0 || columns == 0 {
        return;
    }
    let part = picture.part([0, skipped, columns, rows]);
    let x = place
        .x
        .saturating_add(i32::try_from(card.x).unwrap_or(i32::MAX));
    if let Ok(y) = i32::try_from(top + hidden_above) {
        canvas.draw(x, y, &part, opacity);
    }
}

const fn even(pixels: i64) -> i64 {
    pixels - pixels.rem_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Bitmap, Matrix};

    const PLACE: Rectangle = Rectangle {
        x: 0,
        y: 100,
        width: 40,
        height: 60,
    };

    fn card(height: usize, frames: u64) -> Card {
        let bitmap = Bitmap::from_premultiplied(&[], 40, 10, height);
        Card {
            picture: Arc::new(bitmap.to_picture(Matrix::Bt709)),
            x: 0,
            coming: Arc::new(Ramp::new(frames)),
            fades_in: false,
            going: None,
        }
    }

    fn stack(cards: &[Card], newest_above: bool) -> Stack {
        let layout = Layout {
            timeline: Timeline::new(30),
            gap: 4,
            newest_above,
        };
        Stack::new(cards.to_vec(), layout)
    }

    fn tops(stack: &Stack, frame: u64) -> Vec<i64> {
        stack.places(frame, PLACE).map(|(_, top)| top).collect()
    }

    #[test]
    fn cards_at_rest_lie_from_their_edge_on_with_gaps_between() {
        let cards = [card(10, 0), card(20, 0), card(16, 0)];
        assert_eq!(tops(&stack(&cards, false), 7), [144, 120, 106]);
        assert_eq!(tops(&stack(&cards, true), 7), [100, 120, 144]);
    }

    #[test]
    fn a_new_card_comes_from_beyond_the_edge_and_moves_the_others_by_even_steps() {
        let cards = [card(10, 0), card(20, 8)];
        let below = stack(&cards, false);
        assert_eq!(tops(&below, 30), [164, 150], "as it was before");
        let mut last = tops(&below, 30);
        for frame in 31..=38 {
            let tops = tops(&below, frame);
            assert!(tops[0] <= last[0], "it only rises");
            assert_eq!(tops[0] - tops[1], 14, "they move together");
            assert_eq!(tops[0] % 2, 0);
            last = tops;
        }
        assert_eq!(last, [140, 126]);
        assert_eq!(tops(&below, 30), [164, 150], "by the frame alone");
        let above = stack(&[card(10, 0), card(20, 8)], true);
        assert_eq!(tops(&above, 30), [76, 100]);
        assert_eq!(tops(&above, 38), [100, 124]);
    }

    #[test]
    fn cards_that_come_together_do_not_overlap() {
        let cards = [card(10, 0), card(20, 8), card(30, 8)];
        let stack = stack(&cards, false);
        tops(&stack, 0);
        let tops = tops(&stack, 3);
        assert_eq!((tops[1] - tops[2], tops[0] - tops[1]), (14, 24));
    }

    #[test]
    fn what_fades_does_so_by_frames() {
        let mut card = card(10, 10);
        card.fades_in = true;
        assert!(card.opacity(100).abs() < 1e-9);
        assert!((card.opacity(105) - 0.5).abs() < 1e-9);
        assert!((card.opacity(200) - 1.0).abs() < 1e-9);
        card.going = Some(Arc::new(Ramp::new(4)));
        assert!((card.opacity(201) - 1.0).abs() < 1e-9);
        assert!((card.opacity(203) - 0.5).abs() < 1e-9);
        assert!(card.opacity(300).abs() < 1e-9);
    }
}
