/// What a service is, decided at compile time.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The service's name: folder, binary, container and router.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its documented default settings, TOML.
    pub default_config: &'static str,
    /// Its OpenAPI document as JSON, where it has an API.
    pub openapi: Option<fn() -> String>,
}
