namespace Sleb.Core.Search;

/// <summary>Properties of every block of the dense model, in the blocks' order.</summary>
/// <param name="Influence">One minus the mean cosine of the block's input and output over all tokens (ShortGPT's Block Influence), in float32.</param>
/// <param name="MillisecondsPerWindow">Time of one pass in float32 on this machine: an estimate of what removing the block saves.</param>
public sealed record BlockMeasurement(IReadOnlyList<double> Influence, IReadOnlyList<double> MillisecondsPerWindow);
