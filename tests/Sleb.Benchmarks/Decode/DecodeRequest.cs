namespace Sleb.Benchmarks.Decode;

/// <summary>What every engine does in a run.</summary>
internal sealed record DecodeRequest(int PromptTokens, int NewTokens, int Threads)
{
    /// <summary>Positions that prompt and new tokens take, with the one that the prompt is answered by.</summary>
    public int Positions => PromptTokens + 1 + NewTokens;

    /// <summary>The same as words of a command line.</summary>
    public IEnumerable<string> Arguments => ["--prompt-tokens", $"{PromptTokens}", "--new-tokens", $"{NewTokens}", "--threads", $"{Threads}"];
}
