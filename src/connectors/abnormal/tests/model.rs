//! The window arithmetic against a small model of the API: late, moving and vanishing items, over many polls.
