//! Applies a proposal to a scene: all of it, or nothing.

mod copy;
mod group;
mod outcome;

use std::collections::BTreeMap;

use serde_json::Value;
use sm_common::address::{NetworkPolicy, SourceUrl};
use sm_common::asset::AssetKind;
use sm_common::clock::Timestamp;
use sm_common::id::{AssetId, GroupId, LayerId, SecretId};
use sm_common::layer::{
    AudioSource, ImageSource, Layer, LayerSource, PlaybackStatus, PlaylistItem, PlaylistSource,
    VideoSource,
};
use sm_common::scene::Scene;
use sm_common::secret::SourceSecret;

pub(crate) use self::outcome::{Applied, Refusal, Rejected, Step};
use super::draft::{Canvas, Draft};
use super::fault::Faults;
use super::field::{Members, integer};
use super::network::Vault;
use super::playback::{PlaybackOrder, plays};
use super::proposal::{Action, Expected, Operation, Proposal};
use super::{ingest, network, ordering, patch, stale};

/// What is said of a file that is not there.
const NO_SUCH_ASSET: &str = "there is no such asset; upload it to /api/assets first";

/// What a proposal is judged by, besides the scene.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) canvas: Canvas,
    /// Layers that a scene may hold.
    pub(crate) layers_max: usize,
    /// Groups that a scene may hold.
    pub(crate) groups_max: usize,
    /// The uploaded files that the proposal names, as far as they exist.
    pub(crate) assets: BTreeMap<AssetId, AssetKind>,
    /// Where network sources may be.
    pub(crate) network: NetworkPolicy,
    /// Where the engine last saw what layers play.
    pub(crate) playing: BTreeMap<LayerId, PlaybackStatus>,
    /// What their secrets are judged by.
    pub(crate) vault: Vault,
    pub(crate) now: Timestamp,
}

/// Applies `proposal`. The scene's revision is raised by one if anything changes, a layer's with
/// each of its changes. Faults of all operations are found before any other refusal counts.
pub(crate) fn apply(
    scene: Scene,
    proposal: &Proposal,
    surroundings: &Surroundings,
) -> Result<Applied, Rejected> {
    let current = scene.revision;
    if !holds(proposal.expected.as_ref(), current) {
        return Err(Rejected::SceneStale { current });
    }
    let mut work = Work {
        read: scene.layers.iter().map(|l| (l.id, l.revision)).collect(),
        groups_read: scene.groups.iter().map(|g| (g.id, g.revision)).collect(),
        scene,
        surroundings,
        faults: proposal.faults.clone(),
        further: Vec::new(),
        has_moved: false,
        taken: Vec::new(),
        sealed: Vec::new(),
    };
    let mut steps = Vec::with_capacity(proposal.operations.len());
    let mut refused = None;
    for operation in &proposal.operations {
        match work.step(operation) {
            Ok(step) => steps.extend(step),
            Err(refusal) => {
                refused.get_or_insert((operation.at.clone(), refusal));
            }
        }
    }
    if !work.faults.is_empty() {
        return Err(Rejected::Invalid(work.faults));
    }
    if let Some((at, refusal)) = refused {
        return Err(Rejected::Operation { at, refusal });
    }
    work.settle();
    let mut applied = Applied {
        scene: work.scene,
        steps,
        further: work.further,
        taken: work.taken,
        sealed: work.sealed,
    };
    if applied.is_change() {
        applied.scene.revision = applied.scene.revision.saturating_add(1);
        applied.scene.updated_at = surroundings.now;
    }
    Ok(applied)
}

/// Where a source is fetched from, if it is elsewhere.
const fn address(source: &LayerSource) -> Option<&String> {
    match source {
        LayerSource::Network(network) => Some(&network.url),
        LayerSource::Web(web) => Some(&web.url),
        LayerSource::Color(_)
        | LayerSource::TestPattern(_)
        | LayerSource::Image(_)
        | LayerSource::Video(_)
        | LayerSource::Audio(_)
        | LayerSource::Playlist(_)
        | LayerSource::Text(_)
        | LayerSource::Clock(_)
        | LayerSource::Gradient(_)
        | LayerSource::Countdown(_)
        | LayerSource::Ticker(_)
        | LayerSource::Ingest(_)
        | LayerSource::Chat(_) => None,
    }
}

fn holds(expected: Option<&Expected>, revision: u64) -> bool {
    expected.is_none_or(|expected| expected.is(revision))
}

/// A scene while a proposal is being applied.
struct Work<'a> {
    /// The layers' revisions before the proposal: the ones that its author has read.
    read: BTreeMap<LayerId, u64>,
    /// The same of its groups.
    groups_read: BTreeMap<GroupId, u64>,
    scene: Scene,
    surroundings: &'a Surroundings,
    faults: Faults,
    /// What follows from the operations beside what each is about.
    further: Vec<Step>,
    /// Whether layers came to other places because of their groups.
    has_moved: bool,
    taken: Vec<AssetId>,
    sealed: Vec<(SecretId, SourceSecret)>,
}

impl Work<'_> {
    /// Does one operation. `None` when it has faults, which have been noted.
    fn step(&mut self, operation: &Operation) -> Result<Option<Step>, Refusal> {
        match &operation.action {
            Action::Create { id, layer } => self.create(*id, layer, &operation.pointer_to("layer")),
            Action::Restore { layer, index } => self.restore(layer, *index, &operation.at),
            Action::Duplicate { id, copy, expected } => {
                self.duplicate(*id, *copy, expected.as_ref()).map(Some)
            }
            Action::Copy { layer, place } => self.copy((**layer).clone(), *place).map(Some),
            Action::Update {
                id,
                expected,
                patch,
            } => self.update(
                *id,
                expected.as_ref(),
                patch,
                &operation.pointer_to("patch"),
            ),
            Action::Play {
                id,
                expected,
                order,
            } => self.play(
                *id,
                expected.as_ref(),
                order,
                &operation.pointer_to("command"),
            ),
            Action::Delete { id, expected } => self.delete(*id, expected.as_ref()).map(Some),
            Action::Group { id, group } => self.group(*id, group, &operation.pointer_to("group")),
            Action::PutGroup { group } => self.put_group(group),
            Action::UpdateGroup {
                id,
                expected,
                patch,
            } => self.update_group(
                *id,
                expected.as_ref(),
                patch,
                &operation.pointer_to("patch"),
            ),
            Action::Ungroup {
                id,
                expected,
                remains,
            } => self.ungroup(*id, expected.as_ref(), *remains).map(Some),
            Action::Reorder { order } => {
                Ok(self.reorder(order, &format!("{}/order", operation.at)))
            }
        }
    }

    fn create(&mut self, id: LayerId, document: &Value, at: &str) -> Result<Option<Step>, Refusal> {
        let Surroundings {
            canvas,
            layers_max,
            now,
            ..
        } = *self.surroundings;
        let count = self.scene.layers.len();
        let Some(mut fields) = Members::of(document, at, &mut self.faults) else {
            return Ok(None);
        };
        let draft = Draft::read(&mut fields, canvas, &mut self.faults);
        let front = i64::try_from(count).unwrap_or(i64::MAX);
        let index = fields.or("index", count, &mut self.faults, integer(0, front));
        fields.finish(&mut self.faults);
        if count >= layers_max {
            return Err(Refusal::Full { max: layers_max });
        }
        let (Some(mut draft), Some(index)) = (draft, index) else {
            return Ok(None);
        };
        if !self.seal(&mut draft.source, None, at) {
            return Ok(None);
        }
        if !self.assets_exist(&draft.source, at)
            || !self.address_permitted(&draft.source, at)
            || !self.next_exists(id, &draft.source, at)
            || !self.group_exists(draft.group, at)
        {
            return Ok(None);
        }
        self.check_group_lock(draft.group)?;
        let index = self.place_for(draft.group, index);
        let layer = Layer {
            id,
            stream: self.scene.stream.clone(),
            scene: self.scene.id,
            name: draft.name,
            source: draft.source,
            group: draft.group,
            transform: draft.transform,
            opacity: draft.opacity,
            blend: draft.blend,
            transition: draft.transition,
            visible: draft.visible,
            locked: draft.locked,
            volume: draft.volume,
            muted: draft.muted,
            audio_delay_ms: draft.audio_delay_ms,
            required: draft.required,
            playback: None,
            revision: 1,
            created_at: now,
            updated_at: now,
            status: None,
        };
        self.taken.extend(layer.source.assets().cloned());
        self.scene.layers.insert(index, layer.clone());
        Ok(Some(Step::Created { layer, index }))
    }

    /// Brings back a layer that was deleted. It is judged like a new one, but for what is to follow
    /// it: that may have gone before. Its revision is one that it never had.
    fn restore(
        &mut self,
        deleted: &Layer,
        index: usize,
        at: &str,
    ) -> Result<Option<Step>, Refusal> {
        let Surroundings {
            canvas,
            layers_max,
            now,
            ..
        } = *self.surroundings;
        let document = Draft::of(deleted).to_document();
        let Some(mut fields) = Members::of(&document, at, &mut self.faults) else {
            return Ok(None);
        };
        let draft = Draft::read(&mut fields, canvas, &mut self.faults);
        fields.finish(&mut self.faults);
        let count = self.scene.layers.len();
        if count >= layers_max {
            return Err(Refusal::Full { max: layers_max });
        }
        let Some(mut draft) = draft else {
            return Ok(None);
        };
        if !self.seal(&mut draft.source, None, at)
            || !self.assets_exist(&draft.source, at)
            || !self.address_permitted(&draft.source, at)
        {
            return Ok(None);
        }
        let mut layer = deleted.clone();
        draft.write_to(&mut layer);
        layer.revision = layer.revision.saturating_add(1);
        layer.updated_at = now;
        self.taken.extend(layer.source.assets().cloned());
        if !self.has_group(layer.group) {
            // It has gone since.
            layer.group = None;
        }
        let index = self.place_for(layer.group, index);
        self.scene.layers.insert(index, layer.clone());
        Ok(Some(Step::Created { layer, index }))
    }

    fn update(
        &mut self,
        id: LayerId,
        expected: Option<&Expected>,
        patch: &Value,
        at: &str,
    ) -> Result<Option<Step>, Refusal> {
        let layer = match self.find(id, expected) {
            Ok(layer) => layer.clone(),
            Err(refusal) => return Err(self.with_clashes(refusal, patch)),
        };
        let Some(members) = patch.as_object() else {
            self.faults.shape(at, "must be an object");
            return Ok(None);
        };
        let before = Draft::of(&layer).to_document();
        let mut document = before.clone();
        patch::merge(&mut document, members);
        let Some(mut fields) = Members::of(&document, at, &mut self.faults) else {
            return Ok(None);
        };
        let draft = Draft::read(&mut fields, self.surroundings.canvas, &mut self.faults);
        fields.finish(&mut self.faults);
        let Some(mut draft) = draft.and_then(|draft| self.with_keys(draft, &layer, at)) else {
            return Ok(None);
        };
        if !self.seal(&mut draft.source, Some(&layer.source), at) {
            return Ok(None);
        }
        let changed = patch::changed(&before, &draft.to_document());
        let only_unlocks = changed.iter().all(|pointer| pointer == "/locked");
        if layer.locked && !only_unlocks {
            return Err(Refusal::Locked(id));
        }
        if !changed.is_empty() {
            self.check_group_lock(layer.group)?;
        }
        if changed.iter().any(|pointer| pointer == "/group") {
            if !self.group_exists(draft.group, at) {
                return Ok(None);
            }
            self.check_group_lock(draft.group)?;
        }
        let shows_another = changed
            .iter()
            .any(|pointer| pointer == "/source" || pointer == "/source/asset");
        let needs_another = shows_another
            || changed.iter().any(|pointer| {
                pointer == "/source/style/font_asset" || pointer.starts_with("/source/items")
            });
        if needs_another && !self.assets_exist(&draft.source, at) {
            return Ok(None);
        }
        let moved = changed
            .iter()
            .any(|pointer| pointer == "/source" || pointer == "/source/url");
        if moved && !self.address_permitted(&draft.source, at) {
            return Ok(None);
        }
        let leads_elsewhere = changed
            .iter()
            .any(|pointer| pointer == "/source" || pointer == "/source/next");
        if leads_elsewhere && !self.next_exists(id, &draft.source, at) {
            return Ok(None);
        }
        let mut layer = layer;
        if !changed.is_empty() {
            if shows_another {
                // A command was for what it played before.
                layer.playback = None;
            }
            if needs_another {
                self.taken.extend(draft.source.assets().cloned());
            }
            draft.write_to(&mut layer);
            layer.revision = layer.revision.saturating_add(1);
            layer.updated_at = self.surroundings.now;
            let place = self.scene.layers.iter_mut().find(|known| known.id == id);
            if let Some(place) = place {
                place.clone_from(&layer);
            }
            if changed.iter().any(|pointer| pointer == "/group") {
                self.move_beside_group(id);
            }
        }
        Ok(Some(Step::Updated { layer, changed }))
    }

    /// The draft with a generation of keys that the layer has not had yet, or still has.
    fn with_keys(&mut self, mut draft: Draft, before: &Layer, at: &str) -> Option<Draft> {
        let after = ingest::succeed(&before.source, draft.source, self.surroundings.now);
        let Ok(source) = after else {
            let detail = "must not be lowered: keys that were replaced would be valid again";
            self.faults.value(format!("{at}/source/generation"), detail);
            return None;
        };
        draft.source = source;
        Some(draft)
    }

    /// A lock keeps what a layer is, and not what it plays.
    fn play(
        &mut self,
        id: LayerId,
        expected: Option<&Expected>,
        order: &Value,
        at: &str,
    ) -> Result<Option<Step>, Refusal> {
        let mut layer = self.find(id, expected)?.clone();
        let order = PlaybackOrder::read(order, at, &mut self.faults);
        if !plays(&layer.source) {
            let kind = layer.source.kind().as_str();
            let detail = format!("there is nothing to play in a layer of kind `{kind}`");
            self.faults.value(format!("{at}/action"), detail);
            return Ok(None);
        }
        let Some(order) = order else { return Ok(None) };
        if !order.suits(&layer.source) {
            let detail = "is for layers of kind `playlist`".to_owned();
            self.faults.value(format!("{at}/action"), detail);
            return Ok(None);
        }
        let now = self.surroundings.now;
        layer.revision = layer.revision.saturating_add(1);
        layer.updated_at = now;
        let status = self.surroundings.playing.get(&id);
        let playback = order.carried_out(layer.revision, layer.playback, status, now);
        layer.playback = Some(playback);
        if let Some(place) = self.scene.layers.iter_mut().find(|known| known.id == id) {
            place.clone_from(&layer);
        }
        let changed = vec!["/playback".to_owned()];
        Ok(Some(Step::Updated { layer, changed }))
    }

    /// Whether the layer that is to follow is another one of the scene; notes the fault if not.
    fn next_exists(&mut self, id: LayerId, source: &LayerSource, at: &str) -> bool {
        let Some(next) = source.next() else {
            return true;
        };
        let exists = *next != id && self.scene.layers.iter().any(|layer| layer.id == *next);
        if !exists {
            let detail = "must be another layer of the same scene";
            self.faults.value(format!("{at}/source/next"), detail);
        }
        exists
    }

    /// Puts a secret apart that `source` holds, and judges the one that it names; notes the fault
    /// if it may not.
    fn seal(&mut self, source: &mut LayerSource, before: Option<&LayerSource>, at: &str) -> bool {
        let LayerSource::Network(source) = source else {
            return true;
        };
        let before = match before {
            Some(LayerSource::Network(before)) => Some(before),
            Some(_) | None => None,
        };
        let Surroundings { vault, now, .. } = self.surroundings;
        match network::seal(source, before, vault, at, *now, &mut self.faults) {
            Some(sealed) => {
                self.sealed.extend(sealed);
                true
            }
            None => false,
        }
    }

    /// Whether the address of what is elsewhere is none that is refused. What a name leads to is the
    /// engine's to see.
    fn address_permitted(&mut self, source: &LayerSource, at: &str) -> bool {
        let Some(url) = address(source) else {
            return true;
        };
        let permitted = SourceUrl::parse(url)
            .is_ok_and(|url| self.surroundings.network.permits_host(url.host()));
        if !permitted {
            let detail = "must be in the public Internet or in a network that the operator allows";
            self.faults.value(format!("{at}/source/url"), detail);
        }
        permitted
    }

    fn delete(&mut self, id: LayerId, expected: Option<&Expected>) -> Result<Step, Refusal> {
        let layer = self.find(id, expected)?;
        if layer.locked {
            return Err(Refusal::Locked(id));
        }
        self.check_group_lock(layer.group)?;
        self.scene.layers.retain(|layer| layer.id != id);
        Ok(Step::Deleted { layer: id })
    }

    /// The order is the scene's, not the layer's: a locked layer can be passed by others.
    fn reorder(&mut self, order: &Value, at: &str) -> Option<Step> {
        let before: Vec<LayerId> = self.scene.layers.iter().map(|layer| layer.id).collect();
        let order = ordering::read(order, at, &before, ordering::LAYERS, &mut self.faults)?;
        if !self.keeps_groups(&order, at) {
            return None;
        }
        let changed = before != order;
        let layers = std::mem::take(&mut self.scene.layers);
        self.scene.layers = ordering::arrange(layers, &order);
        Some(Step::Reordered { order, changed })
    }

    fn find(&self, id: LayerId, expected: Option<&Expected>) -> Result<&Layer, Refusal> {
        let mut layers = self.scene.layers.iter();
        let layer = layers
            .find(|layer| layer.id == id)
            .ok_or(Refusal::NoSuchLayer(id))?;
        let current = self.read.get(&id).copied().unwrap_or(layer.revision);
        if holds(expected, current) {
            Ok(layer)
        } else {
            Err(Refusal::Stale {
                layer: id,
                current,
                clashes: Vec::new(),
            })
        }
    }

    /// A refusal of `patch`, with both versions of what it would change where it came too late.
    fn with_clashes(&self, refusal: Refusal, patch: &Value) -> Refusal {
        let Refusal::Stale { layer, current, .. } = refusal else {
            return refusal;
        };
        let mut layers = self.scene.layers.iter();
        let known = layers.find(|known| known.id == layer);
        Refusal::Stale {
            layer,
            current,
            clashes: known.map_or_else(Vec::new, |known| stale::clashes(known, patch)),
        }
    }

    /// Whether the files of a playlist exist and can be played; notes the faults if not.
    fn items_exist(&mut self, list: &PlaylistSource, at: &str) -> bool {
        let mut exist = true;
        for (number, PlaylistItem { asset, .. }) in list.items.iter().enumerate() {
            let fault = match self.surroundings.assets.get(asset) {
                Some(AssetKind::Image | AssetKind::Video | AssetKind::Audio) => continue,
                Some(AssetKind::Font) => "is a font; a picture, video or sound is wanted",
                None => NO_SUCH_ASSET,
            };
            let pointer = format!("{at}/source/items/{number}/asset");
            self.faults.value(pointer, fault);
            exist = false;
        }
        exist
    }

    /// Whether the files that `source` needs exist and are of their kinds; notes the faults if not.
    fn assets_exist(&mut self, source: &LayerSource, at: &str) -> bool {
        let file = match source {
            LayerSource::Image(ImageSource { asset }) => Some((asset, AssetKind::Image)),
            LayerSource::Video(VideoSource { asset, .. }) => Some((asset, AssetKind::Video)),
            LayerSource::Audio(AudioSource { asset, .. }) => Some((asset, AssetKind::Audio)),
            LayerSource::Playlist(list) => return self.items_exist(list, at),
            LayerSource::Color(_)
            | LayerSource::TestPattern(_)
            | LayerSource::Text(_)
            | LayerSource::Clock(_)
            | LayerSource::Countdown(_)
            | LayerSource::Gradient(_)
            | LayerSource::Ticker(_)
            | LayerSource::Chat(_)
            | LayerSource::Network(_)
            | LayerSource::Ingest(_)
            | LayerSource::Web(_) => None,
        };
        let font = source.style().and_then(|style| style.font_asset.as_ref());
        let mut exist = true;
        for (asset, wanted, member) in file
            .map(|(asset, wanted)| (asset, wanted, "asset"))
            .into_iter()
            .chain(font.map(|font| (font, AssetKind::Font, "style/font_asset")))
        {
            let fault = match self.surroundings.assets.get(asset) {
                Some(kind) if *kind == wanted => continue,
                Some(kind) => {
                    let (is, wanted) = (name_of(*kind), name_of(wanted));
                    format!("is {is}; {wanted} is wanted")
                }
                None => NO_SUCH_ASSET.to_owned(),
            };
            self.faults.value(format!("{at}/source/{member}"), fault);
            exist = false;
        }
        exist
    }
}

const fn name_of(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Image => "an image",
        AssetKind::Video => "a video",
        AssetKind::Audio => "a sound",
        AssetKind::Font => "a font",
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
