use sm_common::auth::Permission;

/// A permission as a type, so that a handler's signature says what it needs.
pub trait Requires: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($name:ident),+ $(,)?) => {$(
        #[doc = concat!("See [`Permission::", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Requires for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

permissions! {
    ReadStream, ReadSummary, Chat, ModerateChat, ControlStream, EditLayers, ReadAnalytics,
    ReadResources, ReadAudit, ManageUsers, ReadMetrics,
}
