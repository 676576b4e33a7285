//! Drives the running system through Traefik.
