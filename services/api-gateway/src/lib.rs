//! Identities and the whole-system views: login, tokens, resources, documents, the console.
