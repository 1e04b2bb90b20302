using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>The functions between the two halves of an MLP. The forms of GELU differ by 1e-3 in the logits, so each is computed exactly.</summary>
internal enum Activation
{
    Relu,

    /// <summary>x * sigmoid(x) (Hendrycks and Gimpel 2016).</summary>
    Silu,

    /// <summary>x * Phi(x), by the error function (Hendrycks and Gimpel 2016).</summary>
    Gelu,

    /// <summary>GELU's approximation by tanh: GPT-2's.</summary>
    GeluTanh,

    /// <summary>GELU's approximation x * sigmoid(1.702 x).</summary>
    QuickGelu,
}

/// <summary>From the names config.json gives activations.</summary>
internal static class Activations
{
    private static readonly Dictionary<string, Activation> ByName = new(StringComparer.Ordinal)
    {
        ["relu"] = Activation.Relu,
        ["silu"] = Activation.Silu,
        ["swish"] = Activation.Silu,
        ["gelu"] = Activation.Gelu,
        ["gelu_python"] = Activation.Gelu,
        ["gelu_new"] = Activation.GeluTanh,
        ["gelu_fast"] = Activation.GeluTanh,
        ["gelu_accurate"] = Activation.GeluTanh,
        ["gelu_pytorch_tanh"] = Activation.GeluTanh,
        ["gelu_python_tanh"] = Activation.GeluTanh,
        ["quick_gelu"] = Activation.QuickGelu,
    };

    /// <param name="key">The config's key: <c>hidden_act</c>, <c>activation_function</c> or <c>hidden_activation</c>.</param>
    /// <param name="absent">The family's own default.</param>
    /// <exception cref="CheckpointException">The name is not in the list.</exception>
    public static Activation Read(ModelConfig config, string key, string absent)
    {
        string name = config.Text(key) ?? absent;
        return ByName.TryGetValue(name, out var activation) ? activation
            : throw new CheckpointException($"config.json has {key} '{Excerpt.Of(name)}', which is not supported; supported are {string.Join(", ", ByName.Keys)}.");
    }
}
