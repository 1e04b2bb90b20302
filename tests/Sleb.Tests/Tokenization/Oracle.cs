using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Compares our tokenizer with Hugging Face's own library, which adds special tokens when it encodes and leaves them out when it decodes.</summary>
internal static class Oracle
{
    public static JsonNode Read(string path) => JsonNode.Parse(File.ReadAllText(path))!;

    /// <summary>No difference over random texts, over their ids shortened at random, and over random ids.</summary>
    public static void AssertSame(JsonNode file, int texts, int seed = 1, string? ours = null) =>
        AssertSame(file, new RandomTexts(seed, (file["added_tokens"] as JsonArray ?? []).Select(token => (string)token!["content"]!)).Take(texts), ours);

    /// <param name="file">The tokenizer.json that the original reads.</param>
    /// <param name="texts">What to compare on.</param>
    /// <param name="ours">The folder that our tokenizer reads instead, where it holds older files that should mean the same.</param>
    public static void AssertSame(JsonNode file, IEnumerable<string> texts, string? ours = null)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "The oracle's native library is for linux-x64 only.");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], file.ToJsonString());
        using var theirs = new Tokenizers.DotNet.Tokenizer(folder["tokenizer.json"]);
        var tokenizer = HuggingFaceTokenizer.Load(ours ?? folder.Path);
        var random = new Random(1);
        var differences = new List<string>();

        foreach (string text in texts)
        {
            int[] expected = [.. theirs.Encode(text).Select(id => (int)id)], found = tokenizer.Encode(text);
            if (!expected.SequenceEqual(found)) differences.Add($"{Show(text)}: expected [{string.Join(' ', expected)}], found [{string.Join(' ', found)}]");

            int[] ids = random.Next(2) == 0 ? expected[..random.Next(expected.Length + 1)] : [.. Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(tokenizer.VocabularySize + 3))];
            string expectedText = theirs.Decode([.. ids.Select(id => (uint)id)]), foundText = tokenizer.Decode(ids, skipSpecialTokens: true);
            if (expectedText != foundText) differences.Add($"[{string.Join(' ', ids)}]: expected {Show(expectedText)}, found {Show(foundText)}");
        }
        Assert.True(differences.Count == 0, $"{differences.Count} differences, the first: {string.Join('\n', differences.Take(5).Select(difference => difference.Length < 2000 ? difference : difference[..2000]))}");
    }

    private static string Show(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.Value is > 0x20 and < 0x7F ? rune.ToString() : $"\\u{rune.Value:X4}"));
}
