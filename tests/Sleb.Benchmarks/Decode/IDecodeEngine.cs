namespace Sleb.Benchmarks.Decode;

/// <summary>A loaded model that can be timed.</summary>
internal interface IDecodeEngine : IDisposable
{
    /// <summary>Reads the prompt, then writes the new tokens greedily, one by one.</summary>
    DecodeRun Run();
}
