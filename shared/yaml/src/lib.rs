//! Byte spans and comments of YAML scalars, and edits that touch nothing else.
