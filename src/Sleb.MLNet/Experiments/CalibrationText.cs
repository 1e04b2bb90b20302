using Sleb.Core.Calibration;

namespace Sleb.MLNet.Experiments;

/// <summary>A calibration text by the name that trials know it by.</summary>
internal sealed record CalibrationText(string Name, TextSource Source);
