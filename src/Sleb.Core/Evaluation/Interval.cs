namespace Sleb.Core.Evaluation;

/// <summary>Where a figure lies with 95 % confidence.</summary>
internal readonly record struct Interval(double Low, double High);
