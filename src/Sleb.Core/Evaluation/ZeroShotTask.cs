using System.Text.Json;
using Sleb.Core.Calibration;

namespace Sleb.Core.Evaluation;

/// <summary>A task of zero-shot questions: a file of JSON lines, named after it.</summary>
/// <param name="Name">The file's name without <c>.jsonl</c>.</param>
/// <param name="Path">The file.</param>
/// <param name="Items">The questions in the order of the file.</param>
internal sealed record ZeroShotTask(string Name, string Path, IReadOnlyList<ZeroShotItem> Items)
{
    private const string Extension = ".jsonl";

    private const string Expected =
        "Every line is an object with \"query\", \"choices\" and \"gold\", with \"context_options\", \"continuation\" and \"gold\", or with \"context\" and \"continuation\".";

    /// <summary>What the items' place is called in messages.</summary>
    public string Where(ZeroShotItem item) => $"{Path}, line {item.Index + 1}";

    /// <exception cref="FileNotFoundException">The folder has no such task.</exception>
    /// <exception cref="InvalidDataException">A line is none of the three shapes.</exception>
    public static ZeroShotTask Read(string folder, string name)
    {
        string path = System.IO.Path.Combine(folder, name + Extension);
        if (!File.Exists(path)) throw new FileNotFoundException(Missing(folder, name), path);
        var items = new List<ZeroShotItem>();
        string? shape = null;
        JsonLines.Read(TextFile.ReadUtf8(path), path, Expected, (line, number, where) =>
        {
            string found = Shape(line) ?? throw new InvalidDataException($"{where} has none of the three forms. {Expected}");
            if (found != (shape ??= found)) throw new InvalidDataException($"{where} has \"{found}\" where the lines before have \"{shape}\". Keep to one form a file.");
            items.Add(ReadItem(new(line, where, Expected), found, number - 1, name));
        });
        return items.Count > 0 ? new(name, path, items) : throw new InvalidDataException($"{path} holds no line. {Expected}");
    }

    private static string? Shape(JsonElement line) =>
        Array.Find(["query", "context_options", "context"], key => line.TryGetProperty(key, out _));

    private static ZeroShotItem ReadItem(TaskLine line, string shape, int index, string task)
    {
        ZeroShotChoice[] choices = shape switch
        {
            "query" => [.. line.Texts("choices").Select(choice => new ZeroShotChoice(Context(task, line.Text("query")), choice))],
            // Partial scoring: the options differ in what stands before the common continuation (Trinh and Le 2018).
            "context_options" => [.. line.Texts("context_options").Select(context => new ZeroShotChoice(context, line.Text("continuation")))],
            _ => [new(line.Text("context"), line.Text("continuation"))],
        };
        return new(index, choices, shape == "context" ? 0 : line.Gold(choices.Length));
    }

    /// <summary>The prompts of lm-evaluation-harness, added only where the file has not got them.</summary>
    private static string Context(string task, string query)
    {
        if (task is "piqa" or "arc_easy" or "arc_challenge" && !query.StartsWith("Question:", StringComparison.Ordinal)) query = "Question: " + query;
        if (task is "piqa" or "arc_easy" or "arc_challenge" or "boolq" && !query.EndsWith("Answer:", StringComparison.Ordinal)) query += "\nAnswer:";
        return query;
    }

    private static string Missing(string folder, string name)
    {
        if (!Directory.Exists(folder)) return $"The task folder {folder} does not exist.";
        var there = Directory.EnumerateFiles(folder, "*" + Extension).Select(System.IO.Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal).ToList();
        return $"{folder} has no task '{name}', which would be the file {name}{Extension}; it has {(there.Count == 0 ? "none" : string.Join(", ", there))}.";
    }
}
