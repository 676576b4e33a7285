//! What a host can carry: told by its engine, read by whoever decides whether to ask for more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::InstanceId;
use crate::layer::LayerKind;
use crate::program::{EncoderPreset, ProgramFormat, VideoEncoder};
use crate::resources::InstanceResources;

/// What a host can carry, and carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostCapacity {
    /// Whether streams are refused that the host cannot carry.
    pub enforced: bool,
    /// Cores of the machine, or of the control group where that may use fewer.
    pub cores: f64,
    /// The part of them that may be used, 0 to 1: `admission.cpu_max`.
    pub cpu_max: f64,
    /// Cores in use over the last `window_s` seconds, by everything; `None` while that is not known.
    pub used_cores: Option<f64>,
    /// Seconds over which that was measured at most.
    pub window_s: u64,
    /// Cores that were promised to streams lately and are not in use yet, as an estimate.
    pub promised_cores: f64,
    /// What programs and their layers cost, as an estimate.
    pub costs: Costs,
}

/// What programs and their layers cost in cores, as an estimate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Of every program: mixing, its sound's encoder, writing segments.
    pub base_cores: f64,
    /// Composing, for every million pixels a second.
    pub compose_cores_per_mpixel_s: f64,
    /// x264, for every million pixels a second, by preset.
    pub x264: PresetCosts,
    /// openh264, for every million pixels a second, by preset.
    pub openh264: PresetCosts,
    /// Layers, by kind.
    pub layers: LayerCosts,
}

/// Cores for a layer, by kind. What is not named costs next to nothing beyond being composed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerCosts {
    /// `video`.
    pub video: f64,
    /// `playlist`.
    pub playlist: f64,
    /// `network`.
    pub network: f64,
    /// `ingest`.
    pub ingest: f64,
    /// `web`.
    pub web: f64,
}

impl LayerCosts {
    /// The estimate for a layer of this kind; `None` for those that need next to nothing.
    const fn of(&self, kind: LayerKind) -> Option<f64> {
        match kind {
            LayerKind::Video => Some(self.video),
            LayerKind::Playlist => Some(self.playlist),
            LayerKind::Network => Some(self.network),
            LayerKind::Ingest => Some(self.ingest),
            LayerKind::Web => Some(self.web),
            LayerKind::Color
            | LayerKind::TestPattern
            | LayerKind::Image
            | LayerKind::Audio
            | LayerKind::Text
            | LayerKind::Clock
            | LayerKind::Gradient
            | LayerKind::Countdown
            | LayerKind::Ticker
            | LayerKind::Chat => None,
        }
    }
}

/// Cores for every million pixels a second, by preset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetCosts {
    /// `ultrafast`.
    pub ultrafast: f64,
    /// `superfast`.
    pub superfast: f64,
    /// `veryfast`.
    pub veryfast: f64,
    /// `faster`.
    pub faster: f64,
    /// `fast`.
    pub fast: f64,
    /// `medium`.
    pub medium: f64,
}

impl PresetCosts {
    const fn of(&self, preset: EncoderPreset) -> f64 {
        match preset {
            EncoderPreset::Ultrafast => self.ultrafast,
            EncoderPreset::Superfast => self.superfast,
            EncoderPreset::Veryfast => self.veryfast,
            EncoderPreset::Faster => self.faster,
            EncoderPreset::Fast => self.fast,
            EncoderPreset::Medium => self.medium,
        }
    }
}

impl Costs {
    /// Cores that a program of this format will need.
    pub fn of(&self, format: &ProgramFormat) -> f64 {
        let pixels = f64::from(format.width) * f64::from(format.height);
        let mpixels_s = pixels * f64::from(format.framerate) / 1e6;
        let encode = match format.encoder {
            VideoEncoder::X264 => &self.x264,
            VideoEncoder::Openh264 => &self.openh264,
        };
        let each = self.compose_cores_per_mpixel_s + encode.of(format.preset);
        self.base_cores + mpixels_s * each
    }

    /// Cores that a program needs more after a change of its format; 0 when it needs less.
    pub fn of_change(&self, before: &ProgramFormat, after: &ProgramFormat) -> f64 {
        (self.of(after) - self.of(before)).max(0.0)
    }

    /// Cores that a scene with these layers needs more than one with those; 0 when it needs less.
    pub fn of_layers(&self, before: &[LayerKind], after: &[LayerKind]) -> f64 {
        let all = |kinds: &[LayerKind]| -> f64 {
            kinds.iter().filter_map(|kind| self.layers.of(*kind)).sum()
        };
        (all(after) - all(before)).max(0.0)
    }
}

/// Whether a scene with these layers needs something that one with those does not need.
pub fn adds_layers(before: &[LayerKind], after: &[LayerKind]) -> bool {
    let counts = |kind| LayerCosts::default().of(kind).is_some();
    let count = |kinds: &[LayerKind], kind| kinds.iter().filter(|one| **one == kind).count();
    after
        .iter()
        .any(|kind| counts(*kind) && count(after, *kind) > count(before, *kind))
}

/// Why no host can carry what needs so many cores more; `None` when one can, or says nothing.
/// Where a host holds the stream, it alone is asked.
pub fn refusal(
    needed_cores: impl Fn(&Costs) -> f64,
    holder: Option<&InstanceId>,
    instances: &[InstanceResources],
) -> Option<String> {
    let telling: Vec<(&InstanceResources, &HostCapacity)> = instances
        .iter()
        .filter_map(|instance| Some((instance, instance.capacity.as_ref()?)))
        .collect();
    let holds = |instance: &InstanceResources| Some(&instance.instance) == holder;
    let is_held = telling.iter().any(|(instance, _)| holds(instance));
    let refusals: Vec<Option<String>> = telling
        .iter()
        .filter(|(instance, _)| !is_held || holds(instance))
        .map(|(instance, capacity)| {
            let refusal = capacity.refusal(needed_cores(&capacity.costs))?;
            Some(format!("{}: {refusal}", instance.host))
        })
        .collect();
    let all: Option<Vec<String>> = refusals.into_iter().collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join("; "))
}

impl HostCapacity {
    /// Cores that may be used.
    pub fn limit_cores(&self) -> f64 {
        self.cores * self.cpu_max
    }

    /// Cores that are left of those; negative when more are in use. `None` while it is not known.
    pub fn headroom_cores(&self) -> Option<f64> {
        Some(self.limit_cores() - self.used_cores? - self.promised_cores)
    }

    /// Why the host cannot carry so many cores more; `None` when it can, when nobody asks, or while
    /// nothing is known.
    pub fn refusal(&self, needed_cores: f64) -> Option<String> {
        let headroom = self.headroom_cores()?;
        let used = self.used_cores?;
        let is_too_much = self.enforced && needed_cores > 0.0 && needed_cores > headroom;
        is_too_much.then(|| {
            format!(
                "about {needed_cores:.2} cores more are needed, and {:.2} are left: {:.2} of {:.2} \
                 cores may be used (admission.cpu_max {}), {used:.2} were over the last {} seconds{}",
                headroom.max(0.0),
                self.limit_cores(),
                self.cores,
                self.cpu_max,
                self.window_s,
                self.promised(),
            )
        })
    }

    fn promised(&self) -> String {
        if self.promised_cores > 0.0 {
            format!(", and {:.2} are promised", self.promised_cores)
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs() -> Costs {
        let each = |cores| PresetCosts {
            ultrafast: cores,
            superfast: cores,
            veryfast: cores,
            faster: cores,
            fast: cores,
            medium: 2.0 * cores,
        };
        Costs {
            base_cores: 0.1,
            compose_cores_per_mpixel_s: 0.01,
            x264: each(0.02),
            openh264: each(0.01),
            layers: LayerCosts {
                video: 0.1,
                playlist: 0.2,
                network: 0.3,
                ingest: 0.4,
                web: 0.5,
            },
        }
    }

    fn host() -> HostCapacity {
        HostCapacity {
            enforced: true,
            cores: 4.0,
            cpu_max: 0.75,
            used_cores: Some(1.5),
            window_s: 10,
            promised_cores: 0.5,
            costs: costs(),
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_program_costs_by_its_pixels_and_its_encoder() {
        let format = ProgramFormat {
            width: 1000,
            height: 1000,
            framerate: 10,
            ..ProgramFormat::default()
        };
        assert!(close(costs().of(&format), 0.4));
        let better = ProgramFormat {
            preset: EncoderPreset::Medium,
            ..format.clone()
        };
        assert!(close(costs().of_change(&format, &better), 0.2));
        assert!(close(costs().of_change(&better, &format), 0.0));
        let open = ProgramFormat {
            encoder: VideoEncoder::Openh264,
            ..format
        };
        assert!(close(costs().of(&open), 0.3));
    }

    #[test]
    fn a_scene_costs_by_what_its_layers_decode() {
        use LayerKind::{Color, Image, Network, Video, Web};
        let costs = costs();
        let more = |before: &[LayerKind], after: &[LayerKind]| costs.of_layers(before, after);
        assert!(close(more(&[], &[Color, Image]), 0.0));
        assert!(close(more(&[Color], &[Video, Network]), 0.4));
        assert!(close(more(&[Network], &[Network, Web]), 0.5));
        assert!(close(more(&[Web], &[Network]), 0.0), "it needs less");
        assert!(adds_layers(&[Web], &[Network]), "something else");
        assert!(adds_layers(&[Video], &[Video, Video]));
        assert!(!adds_layers(&[Video, Color], &[Image, Image, Video]));
    }

    #[test]
    fn what_is_left_decides_and_what_is_not_known_does_not() {
        let host = host();
        assert!(close(host.headroom_cores().unwrap(), 1.0));
        assert_eq!(host.refusal(0.99), None);
        let refusal = host.refusal(1.2).unwrap();
        for word in [
            "1.20",
            "1.00 are left",
            "3.00 of 4.00",
            "0.75",
            "1.50",
            "0.50 are promised",
        ] {
            assert!(refusal.contains(word), "{word}: {refusal}");
        }
        let full = HostCapacity {
            used_cores: Some(3.9),
            ..host.clone()
        };
        assert_eq!(full.refusal(0.0), None, "what needs nothing more goes on");
        for lenient in [
            HostCapacity {
                enforced: false,
                ..full.clone()
            },
            HostCapacity {
                used_cores: None,
                ..full
            },
        ] {
            assert_eq!(lenient.refusal(9.0), None);
        }
    }
}
