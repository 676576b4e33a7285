//! Whether the hosts can carry what a command asks for, as far as they say.

use sm_common::capacity::{Costs, refusal};
use sm_common::id::InstanceId;
use sm_common::layer::LayerKind;
use sm_common::program::ProgramFormat;
use sm_common::resources::InstanceResources;
use sm_common::stream::StreamStatus;

use super::command::Command;

/// What a command asks of a host beyond what it carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Load {
    /// Nothing.
    None,
    /// A program of this format, with a scene of these layers.
    Program {
        format: ProgramFormat,
        layers: Vec<LayerKind>,
    },
    /// Another scene of a program that is on air.
    Take(Layers),
    /// Another format of a program that is on air.
    Change {
        before: ProgramFormat,
        after: ProgramFormat,
    },
}

/// The layers of the scene on air, before a command and after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers {
    pub(crate) before: Vec<LayerKind>,
    pub(crate) after: Vec<LayerKind>,
}

impl Load {
    /// Whether the layers matter for what `command` asks for.
    pub(crate) const fn counts_layers(command: &Command) -> bool {
        matches!(command, Command::Start | Command::Take { .. })
    }

    /// What `command` asks for, of a stream in this status whose format goes from `before` to
    /// `after`. What is on air and stays as it is asks for nothing, whatever becomes of its worker.
    pub(crate) fn of(
        command: &Command,
        standing: StreamStatus,
        (before, after): (&ProgramFormat, &ProgramFormat),
        layers: Layers,
    ) -> Self {
        use StreamStatus::{
            Degraded, Failed, Live, Offline, Paused, Reconnecting, Starting, Stopping,
        };
        match (command, standing) {
            (Command::Start, _) => Self::Program {
                format: after.clone(),
                layers: layers.after,
            },
            (Command::Take { .. }, Starting | Live | Paused | Degraded | Reconnecting) => {
                Self::Take(layers)
            }
            (Command::Configure { .. }, Starting | Live | Paused | Degraded | Reconnecting)
                if before != after =>
            {
                Self::Change {
                    before: before.clone(),
                    after: after.clone(),
                }
            }
            (Command::Configure { .. } | Command::Take { .. }, Offline | Stopping | Failed)
            | (
                Command::Configure { .. }
                | Command::Stop
                | Command::Pause
                | Command::Resume
                | Command::Restart
                | Command::RecordStart
                | Command::RecordStop
                | Command::Preview { .. },
                _,
            ) => Self::None,
        }
    }

    fn cores(&self, costs: &Costs) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Program { format, layers } => costs.of(format) + costs.of_layers(&[], layers),
            Self::Take(Layers { before, after }) => costs.of_layers(before, after),
            Self::Change { before, after } => costs.of_change(before, after),
        }
    }

    /// Why no host can carry it; `None` when one can, or says nothing. Where a host holds the
    /// stream, it alone is asked.
    pub(crate) fn refusal(
        &self,
        holder: Option<&InstanceId>,
        instances: &[InstanceResources],
    ) -> Option<String> {
        if *self == Self::None {
            return None;
        }
        refusal(|costs| self.cores(costs), holder, instances)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::capacity::{HostCapacity, PresetCosts};
    use sm_common::clock::Timestamp;
    use sm_common::transition::SceneTransition;

    use super::*;
    use crate::domain::{ProgramChange, SlateChoice};

    fn host(name: &str, used: Option<f64>) -> InstanceResources {
        let each = PresetCosts {
            ultrafast: 0.02,
            superfast: 0.02,
            veryfast: 0.02,
            faster: 0.02,
            fast: 0.02,
            medium: 0.02,
        };
        let capacity = HostCapacity {
            enforced: true,
            cores: 2.0,
            cpu_max: 1.0,
            used_cores: used,
            window_s: 10,
            promised_cores: 0.0,
            costs: Costs {
                x264: each,
                ..Costs::default()
            },
        };
        serde_json::from_value(json!({
            "instance": name, "service": "stream-engine", "version": "1", "host": name,
            "pid": 1, "started_at": Timestamp::from_unix_millis(0),
            "at": Timestamp::from_unix_millis(0), "cpu_cores": null, "memory_bytes": null,
            "memory_limit_bytes": null, "descriptors": null, "descriptors_limit": null,
            "threads": null, "scheduler_lag_ms": null, "capacity": capacity,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_adds_to_the_load_is_asked_for() {
        use StreamStatus::{Live, Offline};
        let before = ProgramFormat::default();
        let after = ProgramFormat {
            framerate: 60,
            ..before.clone()
        };
        let configure = Command::Configure {
            slate: SlateChoice::Unchanged,
            ladder: None,
            program: ProgramChange::default(),
        };
        let layers = Layers {
            before: vec![LayerKind::Color],
            after: vec![LayerKind::Video],
        };
        let load = |command: &Command, standing| {
            Load::of(command, standing, (&before, &after), layers.clone())
        };
        let program = Load::Program {
            format: after.clone(),
            layers: layers.after.clone(),
        };
        assert_eq!(load(&Command::Start, Offline), program);
        let take = Command::Take {
            scene: None,
            transition: SceneTransition::default(),
        };
        assert_eq!(load(&take, Live), Load::Take(layers.clone()));
        assert_eq!(load(&take, Offline), Load::None);
        assert_eq!(load(&Command::Restart, Live), Load::None);
        assert_eq!(load(&Command::Resume, Live), Load::None);
        assert_eq!(load(&configure, Offline), Load::None);
        let change = Load::Change {
            before: before.clone(),
            after: after.clone(),
        };
        assert_eq!(load(&configure, Live), change);
        let same = Load::of(&configure, Live, (&before, &before), Layers::default());
        assert_eq!(same, Load::None);
    }

    #[test]
    fn the_holder_decides_and_otherwise_every_host_must_refuse() {
        // 27.6 million pixels a second: about 0.55 cores.
        let load = Load::Program {
            format: ProgramFormat::default(),
            layers: vec![LayerKind::Color],
        };
        let (full, free) = (host("full", Some(1.9)), host("free", Some(0.1)));
        let both = [full.clone(), free.clone()];
        let holder: InstanceId = "full".parse().unwrap();
        assert_eq!(load.refusal(None, &both), None);
        let refusal = load.refusal(Some(&holder), &both).unwrap();
        assert!(refusal.starts_with("full: about 0.55 cores"), "{refusal}");
        let gone: InstanceId = "gone".parse().unwrap();
        assert_eq!(load.refusal(Some(&gone), &both), None);
        assert!(load.refusal(Some(&gone), &[full.clone(), full]).is_some());
        assert_eq!(load.refusal(None, &[]), None, "nobody says anything");
        assert_eq!(load.refusal(None, &[host("new", None)]), None);
        assert_eq!(Load::None.refusal(Some(&holder), &both), None);
    }
}
