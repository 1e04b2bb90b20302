namespace Sleb.Core.Checkpoints;

/// <summary>A model folder, a checkpoint file or a file derived from one is missing, damaged or of an unsupported kind.</summary>
/// <remarks>The message is one sentence or two: what, where, found against expected, and what to do.</remarks>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);
